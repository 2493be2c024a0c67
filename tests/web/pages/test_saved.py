"""The pages of the reading list and of submissions."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
import rispy
from bibtexparser.entrypoint import parse_string

from paperround.database import Database
from paperround.library import reading_list, submissions
from paperround.library.tables import Submission, SubmissionState

from support.factories import feed_record, store_listing, utc
from support.pages import TODAY, Page, opened
from support.people import ADA, CYN, Person, sign_in_browser

ONE, TWO = "2603.00001", "2603.00002"


@pytest.fixture
async def browser(database_url: str, database: Database) -> AsyncIterator[httpx.AsyncClient]:
    rivers = {"title": "Rivers of Meaning", "paper__title": "Rivers of Meaning"}
    await store_listing(database, "2026-03-10", feed_record(ONE), feed_record(TWO, **rivers))
    async with opened(database_url) as client:
        yield client


@pytest.fixture
async def ada(browser: httpx.AsyncClient, database: Database) -> Person:
    """With both papers on her list, the rivers read."""
    ada = await sign_in_browser(browser, database, ADA, now=utc(TODAY))
    async with database.write_session() as session:
        for paper_id in (ONE, TWO):
            await reading_list.save_paper(session, ada.id, paper_id, now=utc(TODAY))
        await reading_list.mark_read(session, ada.id, TWO, read=True, now=utc(TODAY))
    return ada


@pytest.mark.parametrize("address", ["/saved", "/saved.bib", "/saved.ris", "/submit"])
async def test_who_is_not_signed_in_is_asked_to(browser: httpx.AsyncClient, address: str) -> None:
    answer = await browser.get(address)
    assert answer.status_code in (303, 307, 401)
    assert "sign-in" in answer.headers.get("Location", "sign-in")


async def test_the_list_shows_all_or_what_is_unread(browser: httpx.AsyncClient, ada: Person) -> None:
    page = Page(await browser.get("/saved"))
    assert page.papers() == [ONE, TWO]
    assert "2 papers, 1 to read" in page.text
    assert Page(await browser.get("/saved?unread=true")).papers() == [ONE]


async def test_it_is_searched_by_words_and_by_id(browser: httpx.AsyncClient, ada: Person) -> None:
    for asked, found in (
        ("rivers", [TWO]),
        (ONE, [ONE]),
        ("nothingness", []),
        ("2603.99999", []),
        ("", [ONE, TWO]),
    ):
        assert Page(await browser.get("/saved", params={"q": asked})).papers() == found, asked
    assert "None of your saved papers" in Page(await browser.get("/saved?q=nothingness")).text


async def test_a_search_does_not_reach_what_others_saved(
    browser: httpx.AsyncClient, database: Database, ada: Person
) -> None:
    browser.cookies.clear()
    await sign_in_browser(browser, database, CYN, now=utc(TODAY))
    for asked in ("rivers", TWO):
        assert Page(await browser.get("/saved", params={"q": asked})).papers() == []
    assert (await browser.get("/saved.bib")).text == ""


async def test_notes_are_kept_and_shown_as_text(browser: httpx.AsyncClient, ada: Person) -> None:
    text = "Compare <b>with</b> & 'rivers'\n</textarea><script>alert(1)</script>"
    await browser.post(f"/saved/{ONE}/note", data=ada.form(text=text))
    answer = await browser.get("/saved")
    assert "<script>alert" not in answer.text
    assert "</textarea><script>" in Page(answer).text
    too_long = await browser.post(f"/saved/{ONE}/note", data=ada.form(text="x" * 2001))
    assert too_long.status_code == 400
    assert "at most 2,000 characters" in Page(too_long).text


async def test_marks_are_set_and_taken_off(browser: httpx.AsyncClient, ada: Person) -> None:
    for on, unread in (("true", []), ("false", [ONE])):
        await browser.post(f"/saved/{ONE}/read", data=ada.form(on=on))
        assert Page(await browser.get("/saved?unread=true")).papers() == unread


async def test_what_is_not_on_the_list_has_no_note(
    browser: httpx.AsyncClient, database: Database, ada: Person
) -> None:
    browser.cookies.clear()
    cyn = await sign_in_browser(browser, database, CYN, now=utc(TODAY))
    for what, fields in (("note", {"text": "x"}), ("read", {"on": "true"})):
        assert (await browser.post(f"/saved/{ONE}/{what}", data=cyn.form(**fields))).status_code == 404


async def test_the_list_goes_to_reference_managers_with_keys_that_differ(
    browser: httpx.AsyncClient, database: Database, ada: Person
) -> None:
    await store_listing(database, "2026-03-10", feed_record("2603.00003"))
    async with database.write_session() as session:
        await reading_list.save_paper(session, ada.id, "2603.00003", now=utc(TODAY))
    bib = await browser.get("/saved.bib")
    entries = parse_string(bib.text).entries
    assert len({entry.key for entry in entries}) == len(entries) == 3
    assert 'filename="saved.bib"' in bib.headers["Content-Disposition"]
    ris = await browser.get("/saved.ris")
    assert {
        record["primary_title" if "primary_title" in record else "title"] for record in rispy.loads(ris.text)
    } >= {"Rivers of Meaning"}
    assert len(rispy.loads(ris.text)) == 3
    assert len({item["id"] for item in (await browser.get("/saved.json")).json()}) == 3


# Submitting


async def test_a_paper_is_submitted_by_a_form_and_its_fate_told(
    browser: httpx.AsyncClient, database: Database, ada: Person
) -> None:
    answer = await browser.post("/submit", data=ada.form(paper="https://arxiv.org/abs/2603.00009v1"))
    assert (answer.status_code, answer.headers["Location"]) == (303, "/submit")
    assert "2603.00009 is being fetched" in Page(await browser.get("/submit")).text
    async with database.write_session() as session:
        (one,) = await submissions.list_submissions(session, ada.id, limit=5)
        row = await session.get_one(Submission, one.id)
        row.state, row.error = SubmissionState.failed, "arXiv has no such paper."
    assert (
        "2603.00009 could not be listed. arXiv has no such paper." in Page(await browser.get("/submit")).text
    )


async def test_the_form_says_what_is_wrong_and_keeps_what_was_written(
    browser: httpx.AsyncClient, ada: Person
) -> None:
    for given, told in (
        ("hello", "neither an arXiv id"),
        (ONE, "already on the list"),
        ("", "neither an arXiv id"),
    ):
        answer = await browser.post("/submit", data=ada.form(paper=given))
        assert answer.status_code == 400
        page = Page(answer)
        assert told in page.text
        assert next(attrs for tag, attrs in page.elements if attrs.get("id") == "paper")["value"] == given


async def test_submissions_are_their_readers_alone(
    browser: httpx.AsyncClient, database: Database, ada: Person
) -> None:
    await browser.post("/submit", data=ada.form(paper="2603.00009"))
    browser.cookies.clear()
    await sign_in_browser(browser, database, CYN, now=utc(TODAY))
    assert "2603.00009" not in (await browser.get("/submit")).text
