"""Buttons that follow, the page of what is followed, and its papers among a reader's own."""

from __future__ import annotations

import json

import httpx
import pytest

from paperround.accounts.export import export_json
from paperround.database import Database
from paperround.follows.reader_follows import list_follows

from support.factories import add_reader, feed_record, store_listing
from support.pages import Page
from support.people import Person

RIVERS = {"_id": "o1", "name": "open-rivers", "fullname": "Open Rivers Lab"}
PAPER = "/papers/2603.00001"


@pytest.fixture(autouse=True)
async def catalogue(database: Database) -> None:
    told = {"paper__organization": RIVERS, "paper__ai_keywords": ["Slow Rivers", "patience & <b>time</b>"]}
    await store_listing(database, "2026-03-09", feed_record("2603.00001", **told))
    others = [{"_id": "x", "name": "Somebody Else"}]
    ada = {"_id": "y", "name": "Lindqvist, Ada"}
    plain = {"paper__authors": others, "paper__title": "Tides", "title": "Tides"}
    await store_listing(
        database,
        "2026-03-10",
        feed_record("2603.00002", paper__upvotes=30, paper__authors=[*others, ada]),
        feed_record("2603.00003", **plain),
        feed_record("2603.00004", paper__summary="About slow rivers.", summary=..., **plain),
    )


def buttons(page: Page) -> dict[str | None, str | None]:
    """What each button of following names, and whether it is pressed."""
    found = [attrs for tag, attrs in page.elements if tag == "button" and attrs.get("form") == "follow"]
    return {attrs["value"]: attrs["aria-pressed"] for attrs in found}


async def press(browser: httpx.AsyncClient, ada: Person, page: str, **fields: str) -> httpx.Response:
    referer = {"Referer": f"http://127.0.0.1{page}"}
    return await browser.post("/follow", data=ada.form(**fields), headers=referer)


async def test_what_stands_on_a_paper_is_followed_where_it_stands(
    browser: httpx.AsyncClient, ada: Person
) -> None:
    names = [
        "author:Ada Lindqvist", "author:Benedikt Åström", "organization:open-rivers", "keyword:Slow Rivers",
        "keyword:patience & <b>time</b>",
    ]  # fmt: skip
    assert buttons(Page(await browser.get(PAPER))) == dict.fromkeys(names, "false")
    for name in names:
        answer = await press(browser, ada, PAPER, on=name)
        anchor = "#keywords" if name.startswith("keyword") else ""
        assert (answer.status_code, answer.headers["Location"]) == (303, f"{PAPER}{anchor}")
    assert buttons(Page(await browser.get(PAPER))) == dict.fromkeys(names, "true")

    await press(browser, ada, PAPER, off="author:Ada Lindqvist")
    assert buttons(Page(await browser.get(PAPER)))["author:Ada Lindqvist"] == "false"
    assert buttons(Page(await browser.get("/authors/Ada Lindqvist"))) == {"author:Ada Lindqvist": "false"}
    assert buttons(Page(await browser.get("/organizations/open-rivers"))) == {
        "organization:open-rivers": "true"
    }


async def test_the_papers_of_what_is_followed_stand_together_with_why(
    browser: httpx.AsyncClient, ada: Person
) -> None:
    for name in ("author:Ada Lindqvist", "keyword:slow rivers", "organization:open-rivers"):
        await press(browser, ada, PAPER, on=name)
    page = Page(await browser.get("/following"))
    assert list(dict.fromkeys(page.papers())) == ["2603.00002", "2603.00001", "2603.00004"]
    for words in (
        "You follow Ada Lindqvist .",
        "You follow Ada Lindqvist , “ slow rivers ” and Open Rivers Lab .",
        "You follow “ slow rivers ”.",
    ):
        assert words in page.text
    assert {"/authors/Ada%20Lindqvist", "/organizations/open-rivers", "/papers?q=slow+rivers"} < {
        *page.links()
    }

    today = Page(await browser.get("/topics"))
    assert list(dict.fromkeys(today.papers())) == ["2603.00002", "2603.00004"]
    assert "/following" in today.links()
    edition = Page(await browser.get("/papers"))
    assert "For you" in edition.text
    assert "Following You follow Ada Lindqvist ." in edition.text
    assert "Following You follow “ slow rivers ”." in edition.text
    assert "/following" in edition.links()
    assert "For you" not in Page(await browser.get("/papers/week/2026-W11")).text


async def test_who_is_not_signed_in_is_led_there_and_back(pages: httpx.AsyncClient) -> None:
    assert buttons(Page(await pages.get(PAPER))) == {}
    page = Page(await pages.get("/authors/Ada%20Lindqvist"))
    assert any(link.startswith("/sign-in?next=/authors/Ada") for link in page.links())
    assert (await pages.get("/following")).headers["Location"].startswith("/sign-in")


async def test_a_name_can_be_typed(browser: httpx.AsyncClient, ada: Person) -> None:
    answer = await browser.post("/following", data=ada.form(kind="author", name=" Grace  Hopper "))
    assert answer.headers["Location"] == "/following"
    assert "Grace Hopper" in Page(await browser.get("/following")).text


async def test_what_names_nothing_is_refused_in_words(
    subtests: pytest.Subtests,
    browser: httpx.AsyncClient,
    ada: Person,
) -> None:
    cases: list[str] = [
        "",
        "author",
        "author:",
        "author: ,.",
        "nobody:Ada",
        "organization:nobody",
        f"author:{'x' * 310}",
        "x" * 400,
    ]
    for value in cases:
        with subtests.test(value=value):
            answer = await press(browser, ada, PAPER, on=value)
            assert answer.status_code in (400, 422)
            assert "Traceback" not in answer.text


async def test_nobody_follows_for_somebody_else(browser: httpx.AsyncClient, ada: Person) -> None:
    forged = await browser.post("/follow", data={"on": "author:Ada Lindqvist", "csrf": "x"})
    assert forged.status_code == 403
    assert buttons(Page(await browser.get("/authors/Ada Lindqvist"))) == {"author:Ada Lindqvist": "false"}


async def test_an_export_has_follows_and_leaving_takes_them(
    browser: httpx.AsyncClient, ada: Person, database: Database
) -> None:
    await press(browser, ada, PAPER, on="author:Ada Lindqvist")
    ben = await add_reader(database, "ben@example.org")
    async with database.read_session() as session:
        own = json.loads("".join([piece async for piece in export_json(session, ada.id)]))
        others = json.loads("".join([piece async for piece in export_json(session, ben.id)]))
    assert [row["name"] for row in own["follows"]] == ["Ada Lindqvist"]
    assert others["follows"] == []

    answer = await browser.post("/settings/leave", data=ada.form(confirm=ada.email))
    assert answer.status_code < 400
    async with database.read_session() as session:
        assert await list_follows(session, ada.id) == []
