"""Voting, saving and rating where a paper stands, by plain forms: ada, ben, and cyn who must see nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from paperround import reads
from paperround.database import Database
from paperround.papers import votes
from paperround.papers.tables import Paper
from paperround.topics import ratings, reader_topics
from paperround.topics.drafts import TopicDraft

from support.factories import feed_record, store_listing, utc
from support.pages import TODAY, Page, opened
from support.people import ADA, BEN, CYN, Person, sign_in_browser

ONE, TWO = "2603.00001", "2603.00002"
OLD = "astro-ph/0601001"
DAY = "/papers/date/2026-03-10"


@pytest.fixture
async def papers(database: Database) -> None:
    await store_listing(database, "2026-03-10", feed_record(ONE), feed_record(TWO), feed_record(OLD))


@pytest.fixture
async def browser(database_url: str, papers: None) -> AsyncIterator[httpx.AsyncClient]:
    async with opened(database_url) as client:
        yield client


@pytest.fixture
async def ada(browser: httpx.AsyncClient, database: Database) -> Person:
    return await sign_in_browser(browser, database, ADA, now=utc(TODAY))


async def press(browser: httpx.AsyncClient, who: Person, address: str, **fields: str) -> httpx.Response:
    """As a browser sends a form that stands on the day's page."""
    referer = {"Referer": f"http://127.0.0.1{DAY}"}
    return await browser.post(address, data=who.form(**fields), headers=referer)


def buttons(page: Page, name: str) -> dict[str | None, str | None]:
    """Value and state of a page's buttons of that name."""
    return {
        attrs.get("value"): attrs.get("aria-pressed")
        for tag, attrs in page.elements
        if tag == "button" and attrs.get("name") == name
    }


async def topic_of(database: Database, who: Person, words: str = "patience") -> int:
    async with database.write_session() as session:
        return (await reader_topics.create_topic(session, who.id, TopicDraft(words=words), now=utc(TODAY))).id


@pytest.mark.parametrize("paper_id", [ONE, OLD])
async def test_a_vote_is_given_and_taken_back_and_leads_back_to_the_paper(
    browser: httpx.AsyncClient, database: Database, ada: Person, paper_id: str
) -> None:
    for on, pressed, count in (("true", "true", "8"), ("false", "false", "7")):
        answer = await press(browser, ada, f"/papers/{paper_id}/upvote", on=on)
        assert (answer.status_code, answer.headers["Location"]) == (303, f"{DAY}#paper-{paper_id}")
        page = Page(await browser.get(f"/papers/{paper_id}"))
        vote = next(
            attrs
            for tag, attrs in page.elements
            if tag == "button" and "Vote" in (attrs.get("aria-label") or "")
        )
        assert vote["aria-pressed"] == pressed
        assert vote["aria-label"] == f"Vote for it: {count} votes"
        assert ("These are the hub’s votes, without the 1 vote given here." in page.text) is (count == "8")


async def test_pressing_twice_at_once_is_one_vote(
    browser: httpx.AsyncClient, database: Database, ada: Person
) -> None:
    answers = await asyncio.gather(
        *(press(browser, ada, f"/papers/{ONE}/upvote", on="true") for _ in range(4))
    )
    assert {answer.status_code for answer in answers} == {303}
    async with database.read_session() as session:
        assert (await session.get_one(Paper, ONE)).local_upvotes == 1


async def test_an_edition_is_in_the_order_of_all_votes(browser: httpx.AsyncClient, ada: Person) -> None:
    await press(browser, ada, f"/papers/{TWO}/upvote", on="true")
    assert Page(await browser.get(DAY)).papers()[0] == TWO


async def test_the_hubs_form_gives_the_feeds_own_votes(browser: httpx.AsyncClient, ada: Person) -> None:
    await press(browser, ada, f"/papers/{ONE}/upvote", on="true")
    assert (await browser.get(f"/api/papers/{ONE}")).json()["upvotes"] == 7
    own = (await browser.get(f"/api/v1/papers/{ONE}")).json()
    assert (own["upvotes"], own["local_upvotes"]) == (8, 1)


async def test_saving_is_undone_the_same_way(browser: httpx.AsyncClient, ada: Person) -> None:
    await press(browser, ada, f"/papers/{ONE}/save", on="true")
    assert "1 paper, 1 to read" in Page(await browser.get("/saved")).text
    assert "Saved" in Page(await browser.get(f"/papers/{ONE}")).text
    await press(browser, ada, f"/papers/{ONE}/save", on="false")
    assert "Nothing saved yet" in Page(await browser.get("/saved")).text


async def test_what_one_did_is_nobody_elses_business(
    browser: httpx.AsyncClient, database: Database, ada: Person
) -> None:
    await press(browser, ada, f"/papers/{ONE}/upvote", on="true")
    await press(browser, ada, f"/papers/{ONE}/save", on="true")
    browser.cookies.clear()
    await sign_in_browser(browser, database, CYN, now=utc(TODAY))
    page = await browser.get(DAY)
    assert 'aria-pressed="true"' not in page.text
    assert "Nothing saved yet" in Page(await browser.get("/saved")).text


async def test_who_is_not_signed_in_is_led_to_where_they_can_and_back(browser: httpx.AsyncClient) -> None:
    page = Page(await browser.get(f"{DAY}?category=cs.CL"))
    assert page.papers() == []
    page = Page(await browser.get(DAY))
    assert "/sign-in?next=/papers/date/2026-03-10" in page.links()
    assert not [
        tag for tag, attrs in page.elements if tag == "form" and "upvote" in (attrs.get("action") or "")
    ]
    for address in (f"/papers/{ONE}/upvote", f"/papers/{ONE}/save", "/rate", f"/saved/{ONE}/read"):
        answer = await browser.post(address, data={"on": "true", "topic": "1", "more": ONE})
        assert answer.status_code in (303, 401), address
        assert "/sign-in" in answer.headers.get("Location", "/sign-in")


async def test_a_form_without_its_token_changes_nothing(
    subtests: pytest.Subtests,
    browser: httpx.AsyncClient,
    database: Database,
    ada: Person,
) -> None:
    cases: list[str] = [f"/papers/{ONE}/upvote", f"/papers/{ONE}/save", "/rate"]
    for address in cases:
        with subtests.test(address=address):
            answer = await browser.post(address, data={"on": "true", "topic": "1", "more": ONE})
            assert answer.status_code == 403
            async with database.read_session() as session:
                assert not await reads.answer(
                    session, lambda trip: votes.ask_upvoted_ids(trip, ada.id, [ONE])
                )


async def test_one_is_led_back_within_this_site_alone(
    subtests: pytest.Subtests,
    browser: httpx.AsyncClient,
    ada: Person,
) -> None:
    cases: list[tuple[str | None, str]] = [
        (None, f"/papers/{ONE}"),
        ("https://evil.example/papers", f"/papers/{ONE}"),
        ("http://127.0.0.1//evil.example/", f"/papers/{ONE}"),
        ("http://127.0.0.1/papers?q=a&after=b", "/papers?q=a&after=b"),
        ("not an address [", f"/papers/{ONE}"),
    ]
    for referer, back in cases:
        with subtests.test(referer=referer, back=back):
            headers = {"Referer": referer} if referer else {}
            answer = await browser.post(f"/papers/{ONE}/save", data=ada.form(on="true"), headers=headers)
            assert answer.headers["Location"] == f"{back}#paper-{ONE}"


async def test_a_paper_that_is_not_here_is_said_not_to_be(
    subtests: pytest.Subtests,
    browser: httpx.AsyncClient,
    ada: Person,
) -> None:
    cases: list[str] = ["2603.99999", "nonsense", "..", "2603.00001'--"]
    for paper_id in cases:
        with subtests.test(paper_id=paper_id):
            for what in ("upvote", "save"):
                assert (await press(browser, ada, f"/papers/{paper_id}/{what}", on="true")).status_code in (
                    404,
                    405,
                )


async def test_a_button_without_its_value_is_refused(browser: httpx.AsyncClient, ada: Person) -> None:
    assert (await press(browser, ada, f"/papers/{ONE}/upvote")).status_code == 422
    assert (await press(browser, ada, f"/papers/{ONE}/upvote", on="perhaps")).status_code == 422


# Ratings


async def test_with_a_topic_every_list_offers_to_rate_in_it_and_to_undo(
    browser: httpx.AsyncClient, database: Database, ada: Person
) -> None:
    page = Page(await browser.get(DAY))
    assert buttons(page, "more") == {}
    assert f"/topics/new?papers={ONE}" in page.links()
    assert ONE in (await browser.get(f"/topics/new?papers={ONE}")).text
    topic = await topic_of(database, ada)
    page = Page(await browser.get(DAY))
    assert "More like this for patience" in page.text
    every = {f"{topic}:{paper}" for paper in (ONE, TWO, OLD)}
    assert set(buttons(page, "more")) == set(buttons(page, "less")) == every
    await press(browser, ada, "/rate", less=f"{topic}:{OLD}")
    page = Page(await browser.get(DAY))
    assert "Less for patience" in page.text
    assert set(buttons(page, "more")) == every - {f"{topic}:{OLD}"}
    assert set(buttons(page, "undo")) == {f"{topic}:{OLD}"}
    await press(browser, ada, "/rate", undo=f"{topic}:{OLD}")
    assert set(buttons(Page(await browser.get(DAY)), "more")) == every


async def test_a_rating_leads_to_one_line_in_the_papers_place_with_undo(
    browser: httpx.AsyncClient, database: Database, ada: Person
) -> None:
    topic = await topic_of(database, ada)
    answer = await press(browser, ada, "/rate", more=f"{topic}:{TWO}")
    address = answer.headers["Location"]
    assert address == f"{DAY}?rated={topic}:{TWO}&moved=0#paper-{TWO}"
    answer = await browser.get(address)
    line = answer.text.partition(f'<li class="paper folded" id="paper-{TWO}">')[2].partition("</li>")[0]
    assert f'name="undo" value="{topic}:{TWO}"' in line
    assert f'href="/papers/{TWO}"' in line
    assert "abstract" not in line
    assert answer.text.count(f'id="paper-{TWO}"') == 1
    undone = await browser.post(
        "/rate", data=ada.form(undo=f"{topic}:{TWO}"), headers={"Referer": f"http://127.0.0.1{address}"}
    )
    assert undone.headers["Location"] == f"{DAY}#paper-{TWO}"
    assert "folded" not in (await browser.get(address)).text, "what the address says is no longer so"


async def test_a_paper_that_is_no_longer_on_the_page_is_a_line_all_the_same(
    browser: httpx.AsyncClient, database: Database, ada: Person
) -> None:
    topic = await topic_of(database, ada)
    await press(browser, ada, "/rate", less=f"{topic}:{ONE}")
    for page in (f"/topics/{topic}", "/topics", f"/topics/{topic}?days=7"):
        address = f"{page}{'&' if '?' in page else '?'}rated={topic}:{ONE}&moved=3"
        answer = Page(await browser.get(address))
        assert "Less for patience . 3 papers moved up. Undo" in answer.text, page


async def test_an_address_alone_folds_nothing(
    subtests: pytest.Subtests,
    browser: httpx.AsyncClient,
    database: Database,
    ada: Person,
) -> None:
    cases: list[str] = [
        "",
        "1",
        ":",
        "x:2603.00001",
        "1:2603.99999",
        "0:2603.00001",
        "9" * 30 + ":2603.1",
        "1:" + "x" * 300,
    ]
    for rated in cases:
        with subtests.test(rated=rated):
            await topic_of(database, ada)
            answer = await browser.get(DAY, params={"rated": rated, "moved": "9" * 40})
            assert answer.status_code == 200
            assert "folded" not in answer.text
            assert "moved up" not in answer.text


async def test_among_several_topics_one_chooses_and_none_is_taken_for_the_last_one_rated(
    browser: httpx.AsyncClient, database: Database, ada: Person
) -> None:
    topics = [await topic_of(database, ada, words) for words in ("patience", "rivers")]
    await press(browser, ada, "/rate", more=f"{topics[1]}:{ONE}")
    page = Page(await browser.get(DAY))
    assert f"/rate/{TWO}" in page.links()
    chooser = await browser.get(f"/rate/{TWO}", headers={"Referer": f"http://127.0.0.1{DAY}"})
    options = [attrs["value"] for tag, attrs in Page(chooser).elements if tag == "option"]
    assert sorted(options) == sorted(map(str, topics)), options
    assert f"/topics/new?papers={TWO}" in Page(chooser).links()
    answer = await browser.post("/rate", data=ada.form(page=DAY, topic=str(topics[0]), less=TWO))
    assert answer.headers["Location"].startswith(f"{DAY}?rated={topics[0]}:{TWO}&")
    page = Page(await browser.get(f"/papers/{ONE}"))
    assert "More for rivers" in page.text
    assert f"/rate/{ONE}" in page.links(), "it can be rated in the other one too"
    away = await browser.post("/rate", data=ada.form(page="//evil.example", topic=str(topics[0]), less=TWO))
    assert away.headers["Location"].startswith(f"/papers/{TWO}?rated=")


async def test_where_papers_stand_under_their_topics_a_button_names_the_topic(
    browser: httpx.AsyncClient, database: Database, ada: Person
) -> None:
    chosen, named = [await topic_of(database, ada, words) for words in ("patience", "rivers")]
    await press(browser, ada, "/rate", topic=str(chosen), more=f"{named}:{OLD}")
    async with database.read_session() as session:
        rated = await reads.answer(session, lambda trip: ratings.ask_ratings(trip, ada.id, [OLD]))
    assert [(rating.topic_id, rating.value) for rating in rated] == [(named, 1)]


async def test_a_page_is_hardly_heavier_for_who_is_signed_in(
    browser: httpx.AsyncClient, database: Database, ada: Person
) -> None:
    """Each paper has five buttons; what they share stands on the page once."""
    await topic_of(database, ada)
    mine = await browser.get(DAY)
    browser.cookies.clear()
    anyones = await browser.get(DAY)
    papers = len(Page(mine).papers()) or 3
    assert len(mine.content) - len(anyones.content) < 1_000 + papers * 700
    assert mine.text.count('name="csrf"') == 2, "of the papers, and of the box"


async def test_nobody_rates_in_anothers_topic(
    browser: httpx.AsyncClient, database: Database, ada: Person
) -> None:
    topic = await topic_of(database, ada)
    browser.cookies.clear()
    ben = await sign_in_browser(browser, database, BEN, now=utc(TODAY))
    for fields in ({"more": ONE}, {"less": ONE}, {"undo": f"{topic}:{ONE}"}):
        assert (await press(browser, ben, "/rate", topic=str(topic), **fields)).status_code == 404
    async with database.read_session() as session:
        assert (await reader_topics.get_topic(session, ada.id, topic)).ratings == []


async def test_what_is_no_rating_is_refused(
    subtests: pytest.Subtests,
    browser: httpx.AsyncClient,
    ada: Person,
) -> None:
    cases: list[dict[str, str]] = [
        {"topic": "1"},
        {"topic": "x", "more": ONE},
        {"topic": "0", "more": ONE},
        {"topic": "9" * 30, "more": ONE},
        {"topic": "1", "undo": "9" * 40 + ":" + ONE},
        {"topic": "1", "more": "x" * 61},
        {"topic": "1", "more": "2603.9"},
    ]
    for fields in cases:
        with subtests.test(fields=fields):
            assert (await press(browser, ada, "/rate", **fields)).status_code in (404, 422)
