"""The pages of topics by plain forms, as ada uses them; cyn must see nothing."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from functools import partial

import httpx
import pytest
from markupsafe import Markup
from sqlalchemy import update

from paperround.accounts.tables import Reader
from paperround.database import Database
from paperround.papers.tables import Listing
from paperround.topics.model.match import CLOSE_IN_MEANING, Match, Reason, ReasonKind
from paperround.topics.tables import Topic
from paperround.web.views.reasons import write_reasons

from support.databases import filled_template, new_database
from support.factories import utc
from support.pages import TODAY, Page, opened
from support.people import ADA, CYN, Person, sign_in_browser
from support.topic_corpus import add_measured_subjects, paper_id

DAY = "2026-03-10"
BEES = {f"2603.{n:05}" for n in range(1, 61) if n % 3 == 1}


@pytest.fixture(scope="module")
def measured_template(server: str) -> Iterator[str]:
    with filled_template(server, partial(add_measured_subjects, day=DAY, now=utc(TODAY))) as name:
        yield name


@pytest.fixture
def database_url(server: str, measured_template: str) -> Iterator[str]:
    with new_database(server, measured_template) as url:
        yield url


@pytest.fixture
async def browser(database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with opened(database_url) as client:
        yield client


@pytest.fixture
async def ada(browser: httpx.AsyncClient, database: Database) -> Person:
    return await sign_in_browser(browser, database, ADA, now=utc(TODAY))


async def send(browser: httpx.AsyncClient, who: Person, address: str, **fields: str) -> httpx.Response:
    return await browser.post(address, data=who.form(**fields))


async def follow(browser: httpx.AsyncClient, who: Person, **fields: str) -> int:
    """The number of a new topic."""
    answer = await send(browser, who, "/topics/new", **fields)
    assert answer.status_code == 303, Page(answer).text
    found = re.fullmatch(r"/topics/(\d+)\?days=7", answer.headers["Location"])
    assert found
    return int(found[1])


def papers(page: Page) -> list[str]:
    """The ids of a page's cards, in order."""
    ids = (attrs.get("id") or "" for tag, attrs in page.elements if tag == "li")
    return [one.removeprefix("paper-") for one in ids if one.startswith("paper-")]


async def test_without_topics_the_page_says_what_they_are_for(
    browser: httpx.AsyncClient, ada: Person
) -> None:
    page = Page(await browser.get("/topics"))
    assert "in your own words" in page.text
    assert "/topics/new" in page.links()
    assert papers(page) == []


async def test_a_topic_is_previewed_followed_and_says_why(browser: httpx.AsyncClient, ada: Person) -> None:
    look = await send(browser, ada, "/topics/new", words="honey bees", do="preview")
    page = Page(look)
    assert look.status_code == 200
    assert re.search(r"[1-9]\d* match(es)? in the last 7 days", page.text)
    assert "Mentions honey bees" in page.text
    assert "Your topics" not in page.text
    assert "in your own words" in Page(await browser.get("/topics")).text, "nothing is kept by a preview"
    topic = await follow(browser, ada, words="honey bees")
    page = Page(await browser.get(f"/topics/{topic}"))
    assert set(papers(page)) <= BEES
    assert 1 <= len(papers(page)) <= 5
    assert "Mentions honey bees" in page.text
    assert "Your words: honey bees" in page.text


async def test_the_script_gets_the_preview_alone(browser: httpx.AsyncClient, ada: Person) -> None:
    answer = await send(browser, ada, "/topics/preview", words="honey bees")
    assert "<html" not in answer.text
    assert "Mentions <b>honey bees</b>" in answer.text
    nothing = await send(browser, ada, "/topics/preview", words="")
    assert "Say what it is about" in nothing.text


async def test_papers_are_given_by_id_and_link(browser: httpx.AsyncClient, ada: Person) -> None:
    given = f"https://arxiv.org/abs/{paper_id(1)}v2, {paper_id(4)}\n2603.99999 nonsense"
    page = Page(await send(browser, ada, "/topics/new", papers=given, do="preview"))
    assert "Not in the catalogue: 2 papers" in page.text
    topic = await follow(browser, ada, papers=given)
    page = Page(await browser.get(f"/topics/{topic}?days=7"))
    assert f"/papers/{paper_id(1)}" in page.links()
    assert page.text.count("Example:") == 2


async def test_a_library_is_looked_at_first_then_followed_by_its_papers(
    browser: httpx.AsyncClient, database: Database, ada: Person
) -> None:
    bibtex = (
        "".join(f"@misc{{k{n}, eprint={{{paper_id(n)}}}}}\n" for n in (1, 4)) + "@misc{x, title={Lost One}}"
    )
    files = {"library": ("mine.bib", bibtex.encode())}
    answer = await browser.post("/topics/new", data=ada.form(), files=files)
    page = Page(answer)
    assert answer.status_code == 200
    assert "Not in the catalogue: 1 paper" in page.text
    assert "Lost One" in page.text
    assert f"{paper_id(1)}\n{paper_id(4)}" in answer.text, "a browser would not send the file again"
    whole = {"library": ("mine.bib", bibtex.rpartition("@")[0].encode())}
    answer = await browser.post("/topics/new", data=ada.form(), files=whole)
    assert answer.status_code == 303


async def test_what_the_catalogue_lacks_of_a_library_is_an_example_and_told_on_the_topics_page(
    browser: httpx.AsyncClient, database: Database, ada: Person
) -> None:
    text = "honey bees gather nectar from clover and dance for their hive"
    bibtex = (
        f"@misc{{a, eprint={{{paper_id(1)}}}}}\n@misc{{b, title={{Own Bees}}, abstract={{{text}}}}}\n"
        "@misc{c, eprint={2611.00999}}\n@misc{d, title={Lost One}}"
    )
    files = {"library": ("mine.bib", bibtex.encode())}
    preview = Page(await browser.post("/topics/new", data=ada.form(do="preview"), files=files))
    assert "1 work outside of the catalogue is an example" in preview.text
    answer = await browser.post("/topics/new", data=ada.form(words=""), files=files)
    assert answer.status_code == 303
    address = answer.headers["Location"]
    page = Page(await browser.get(address))
    for told in (
        *(
            "It lists 4 papers. 1 paper is in the catalogue",
            "Used by title and abstract of your file: 1 paper",
        ),
        *("Own Bees", "Being fetched from arXiv: 1 paper", "2611.00999"),
        *("Not found: 1 paper", "Lost One", "the file has neither its abstract"),
    ):
        assert told in page.text, told
    export = (await browser.get("/settings/export.json")).json()["topic_library_entries"]
    assert [(row["state"], row["title"]) for row in export if row["state"] == "text"] == [
        ("text", "Own Bees")
    ]
    edit = address.partition("?")[0] + "/edit"
    assert (await send(browser, ada, edit, words="bees")).status_code == 303
    assert "Own Bees" in Page(await browser.get(address)).text, "a change without a file keeps the library"
    await send(browser, ada, address.partition("?")[0] + "/delete")
    assert (await browser.get("/settings/export.json")).json()["topic_library_entries"] == []


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"%PDF-1.7", "No entry of a library was found"), (b"x" * 30_000_001, "at most 30 MB")],
)
async def test_a_file_that_is_no_library_is_refused_in_words(
    browser: httpx.AsyncClient, ada: Person, content: bytes, told: str
) -> None:
    answer = await browser.post("/topics/new", data=ada.form(), files={"library": ("x.bib", content)})
    assert answer.status_code == 400
    assert told in Page(answer).text


async def test_what_is_no_topic_is_said_beside_what_was_written(
    subtests: pytest.Subtests,
    browser: httpx.AsyncClient,
    ada: Person,
) -> None:
    cases: list[tuple[dict[str, str], str]] = [
        ({}, "Say what it is about"),
        ({"words": "x" * 1001}, "too long"),
        ({"words": "x", "daily": "0"}, "From 1 to 50"),
        ({"words": "x", "daily": "many"}, "From 1 to 50"),
        ({"words": "x", "name": "n" * 101}, "too long"),
        ({"words": "x", "must": ",".join("abcdefghijklmnopqrstuvwxyz")}, "At most 20"),
    ]
    for fields, told in cases:
        with subtests.test(fields=fields, told=told):
            answer = await send(browser, ada, "/topics/new", **fields)
            assert answer.status_code == 400
            page = Page(answer)
            assert told in page.text
            assert fields.get("words", "") in answer.text


async def test_ratings_change_the_next_look_and_can_be_undone(
    browser: httpx.AsyncClient, ada: Person
) -> None:
    topic = await follow(browser, ada, words="honey bees")
    address = f"/topics/{topic}"
    before = papers(Page(await browser.get(address)))
    await send(browser, ada, "/rate", topic=str(topic), less=before[0])
    page = Page(await browser.get(address))
    assert before[0] not in papers(page)
    assert "Less like" in page.text
    await send(browser, ada, "/rate", topic=str(topic), more=before[1])
    assert "More like" in Page(await browser.get(address)).text
    assert before[0] not in papers(Page(await browser.get(f"{address}?days=7")))
    for rated in before[:2]:
        await send(browser, ada, "/rate", topic=str(topic), undo=f"{topic}:{rated}")
    page = Page(await browser.get(address))
    assert papers(page) == before
    assert "More like On" not in page.text


async def test_all_topics_stand_together_each_paper_once_with_some_from_outside(
    browser: httpx.AsyncClient, database: Database, ada: Person
) -> None:
    bees = await follow(browser, ada, words="honey bees")
    dances = await follow(browser, ada, words="waggle dances of honey bees", name="Dances")
    async with database.write_session() as session:
        await session.execute(update(Reader).values(visited_at=utc(f"{DAY} 11:00")))
        await session.execute(
            update(Listing).where(Listing.paper_id == paper_id(1)).values(first_seen_at=utc(f"{DAY} 11:30"))
        )
        await session.execute(
            update(Listing).where(Listing.paper_id != paper_id(1)).values(first_seen_at=utc(f"{DAY} 10:30"))
        )
    page = Page(await browser.get("/topics"))
    shown = papers(page)
    assert len(shown) == len(set(shown))
    assert {f"/topics/{bees}", f"/topics/{dances}"} <= set(page.links())
    assert "Also in" in page.text
    assert "Outside your topics" in page.text
    assert set(shown) - BEES, "what lies outside"
    assert ("1 new since your last visit" in page.text) == (paper_id(1) in shown)


async def test_a_paused_topic_is_not_on_the_list_and_goes_on_when_told(
    browser: httpx.AsyncClient, ada: Person
) -> None:
    topic = await follow(browser, ada, words="honey bees")
    await send(browser, ada, f"/topics/{topic}/pause", on="true")
    page = Page(await browser.get("/topics"))
    assert "0 matches" in page.text
    assert "paused" in page.text
    await send(browser, ada, f"/topics/{topic}/pause", on="false")
    assert papers(Page(await browser.get("/topics")))[0] in BEES


async def test_topics_are_renamed_moved_changed_and_deleted(browser: httpx.AsyncClient, ada: Person) -> None:
    first = await follow(browser, ada, words="honey bees")
    second = await follow(browser, ada, words="river deltas")
    await send(browser, ada, f"/topics/{first}/rename", name="<b>Bees</b>")
    answer = await browser.get("/topics")
    assert "&lt;b&gt;Bees" in answer.text
    assert "<b>Bees" not in answer.text
    await send(browser, ada, f"/topics/{second}/move", to="0")
    order = [
        link for link in Page(await browser.get("/topics")).links() if re.fullmatch(r"/topics/\d+", link)
    ]
    assert order[-2:] == [f"/topics/{second}", f"/topics/{first}"]
    form = await browser.get(f"/topics/{second}/edit")
    assert "river deltas" in form.text
    await send(
        browser, ada, f"/topics/{second}/edit", words="leap seconds", daily="3", must_not="quartz, drift"
    )
    page = Page(await browser.get(f"/topics/{second}"))
    assert "leap seconds" in page.text
    assert "Must not appear: quartz, drift" in page.text
    await send(browser, ada, f"/topics/{first}/delete")
    assert (await browser.get(f"/topics/{first}")).status_code == 404


async def test_a_topic_with_two_interests_is_split_at_a_button(
    browser: httpx.AsyncClient, ada: Person
) -> None:
    """What it learned stays with the first; one that reads like a single interest is offered nothing."""
    both = await follow(browser, ada, words="honey bees and pendulum clocks", must_not="quartz", daily="3")
    rated = papers(Page(await browser.get(f"/topics/{both}?days=7")))[:1]
    for paper in rated:
        await send(browser, ada, f"/papers/{paper}/mark", rate=f"{both}:1")
    page = Page(await browser.get(f"/topics/{both}"))
    assert "This looks like 2 topics; split it?" in page.text
    assert (await send(browser, ada, f"/topics/{both}/split")).status_code == 303
    overview = Page(await browser.get("/topics"))
    [other] = {
        int(link[1]) for address in overview.links() if (link := re.fullmatch(r"/topics/(\d+)", address))
    } - {both}
    for topic, words in ((both, "honey bees"), (other, "pendulum clocks")):
        page = Page(await browser.get(f"/topics/{topic}"))
        assert f"Your words: {words}" in page.text
        assert "Must not appear: quartz" in page.text
        assert "at most 3 a day" in page.text
        assert "split it?" not in page.text
    again = await send(browser, ada, f"/topics/{both}/split")
    assert again.status_code == 400
    assert "read like one topic" in Page(again).text


async def test_another_readers_topic_is_not_there(
    browser: httpx.AsyncClient, database: Database, ada: Person
) -> None:
    topic = await follow(browser, ada, words="honey bees")
    browser.cookies.clear()
    cyn = await sign_in_browser(browser, database, CYN, now=utc(TODAY))
    for address in (f"/topics/{topic}", f"/topics/{topic}/edit", f"/topics/{topic + 1}"):
        assert (await browser.get(address)).status_code == 404
    for what, fields in {
        "edit": {"words": "mine"}, "rename": {"name": "mine"}, "pause": {"on": "true"}, "move": {"to": "0"},
        "delete": {}, "feed-key": {}, "split": {},
    }.items():  # fmt: skip
        assert (await send(browser, cyn, f"/topics/{topic}/{what}", **fields)).status_code == 404, what
    assert "honey bees" not in (await browser.get("/topics")).text


async def test_no_topic_changes_without_the_forms_token(
    subtests: pytest.Subtests,
    browser: httpx.AsyncClient,
    ada: Person,
) -> None:
    cases: list[str] = ["edit", "rename", "pause", "move", "delete", "feed-key", "split"]
    for what in cases:
        with subtests.test(what=what):
            topic = await follow(browser, ada, words="honey bees")
            answer = await browser.post(
                f"/topics/{topic}/{what}", data={"on": "true", "to": "0", "name": "x", "words": "x"}
            )
            assert answer.status_code == 403
            assert "honey bees" in (await browser.get(f"/topics/{topic}")).text


async def test_who_is_not_signed_in_is_led_to_where_they_can(
    subtests: pytest.Subtests,
    browser: httpx.AsyncClient,
) -> None:
    cases: list[str] = ["/topics", "/topics/new", "/topics/1", "/topics/1/edit"]
    for address in cases:
        with subtests.test(address=address):
            answer = await browser.get(address)
            assert answer.status_code in (303, 307, 401)
            assert "sign-in" in answer.headers.get("Location", "sign-in")


async def test_odd_addresses_are_refused_plainly(
    subtests: pytest.Subtests,
    browser: httpx.AsyncClient,
    ada: Person,
) -> None:
    cases: list[str] = [
        "/topics/0",
        "/topics/x",
        "/topics/99999999999",
        "/topics/1?days=0",
        "/topics/1?days=9",
    ]
    for address in cases:
        with subtests.test(address=address):
            assert (await browser.get(address)).status_code in (400, 404)


async def test_without_papers_the_pages_say_so(other_url: str) -> None:
    async with opened(other_url) as browser, Database(other_url) as database:
        ada = await sign_in_browser(browser, database, ADA, now=utc(TODAY))
        topic = await follow(browser, ada, words="honey bees")
        for address in ("/topics", f"/topics/{topic}", f"/topics/{topic}?days=7"):
            assert "There are no papers yet" in Page(await browser.get(address)).text


# The feed of a topic


async def test_a_feed_has_a_key_of_its_own_that_is_shown_once(
    browser: httpx.AsyncClient, database: Database, ada: Person
) -> None:
    topic = await follow(browser, ada, words="honey bees")
    answer = await send(browser, ada, f"/topics/{topic}/feed-key")
    assert answer.headers["Cache-Control"] == "no-store"
    address = next(link for link in Page(answer).links() if "key=" in link).removeprefix(
        "http://127.0.0.1:8000"
    )
    assert "key=" not in (await browser.get(f"/topics/{topic}")).text
    browser.cookies.clear()
    feed = await browser.get(address)
    assert feed.status_code == 200
    assert feed.headers["Content-Type"].startswith("application/atom+xml")
    assert "private" in feed.headers["Cache-Control"]
    assert "On honey bees" in feed.text
    bands = ("Strong", "Good", "Possible")
    entries = feed.text.split("<entry>")[1:]
    assert all(re.search(r"<summary[^>]*>(Strong|Good|Possible) match\. Mentions ", one) for one in entries)
    as_json = (await browser.get(address.replace(".atom", ".json"))).json()
    notes = [item["summary"] for item in as_json["items"]]
    assert all(note.startswith(tuple(f"{band} match. Mentions " for band in bands)) for note in notes)
    assert not any("<" in note for note in notes)
    for strictest, allowed in (("strong", bands[:1]), ("good", bands[:2]), ("possible", bands)):
        async with database.write_session() as session:
            await session.execute(update(Topic).values(min_band=strictest))
        items = (await browser.get(address.replace(".atom", ".json"))).json()["items"]
        assert all(item["summary"].startswith(allowed) for item in items), strictest
    for wrong in (address[:-1], address.split("?")[0], address.replace(f"/{topic}.", f"/{topic + 1}.")):
        assert (await browser.get(wrong)).status_code in (400, 404), wrong
    await sign_in_browser(browser, database, ADA, now=utc(TODAY))


@pytest.mark.parametrize(("form", "start"), [("bib", "@misc{"), ("ris", "TY  - "), ("json", "[")])
async def test_the_matches_go_to_reference_managers_of_their_reader_alone(
    browser: httpx.AsyncClient, ada: Person, form: str, start: str
) -> None:
    topic = await follow(browser, ada, words="honey bees")
    page = Page(await browser.get(f"/topics/{topic}?days=7"))
    assert f"/topics/{topic}.{form}?days=7" in page.links()
    answer = await browser.get(f"/topics/{topic}.{form}?days=7")
    assert answer.text.startswith(start)
    assert "On honey bees" in answer.text.replace("{", "").replace("}", "")
    assert "private" in answer.headers["Cache-Control"]
    assert (await browser.get(f"/topics/{topic + 1}.{form}")).status_code == 404
    browser.cookies.clear()
    assert (await browser.get(f"/topics/{topic}.{form}")).status_code == 401


# Reasons


def test_reasons_are_told_in_a_sentence_as_text() -> None:
    reasons = (
        Reason(ReasonKind.author, "Ada <i>", 0),
        Reason(ReasonKind.phrase, "honey <b>", 2.0),
        Reason(ReasonKind.phrase, "bees", 1.0),
        Reason(ReasonKind.paper, "2603.00001", 0.5),
        Reason(ReasonKind.paper, "2603.00009", 0.1),
    )
    match = Match("2603.00002", 3.0, 80, reasons, 0.8)
    assert write_reasons(match, {"2603.00001": "A <script>"}) == Markup(
        "By <bdi>Ada &lt;i&gt;</bdi>, whom you follow; mentions <b>honey &lt;b&gt;</b> and <b>bees</b>"
        '; similar to <a href="/papers/2603.00001">A &lt;script&gt;</a>, which you liked.'
    )
    assert write_reasons(Match("2603.00002", 3.0, 80, (CLOSE_IN_MEANING,), 0.8), {}) == "Close in meaning."
