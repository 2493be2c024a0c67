"""An edition as its reader sees it: what fits their topics, "For you", the order by fit, what is new."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import httpx
import pytest
from sqlalchemy import update

from paperround.accounts.tables import Reader
from paperround.database import Database
from paperround.papers.tables import Listing
from paperround.topics import reader_topics
from paperround.topics.drafts import TopicDraft
from paperround.topics.edition_matches import match_latest

from support.factories import utc
from support.pages import TODAY, Page, opened
from support.people import ADA, BEN, Person, sign_in_browser
from support.topic_corpus import add_measured_subjects, paper_id

DAY = "2026-03-10"
EDITION = f"/papers/date/{DAY}"
BEES = {paper_id(n) for n in range(1, 61) if n % 3 == 1}


@pytest.fixture
async def browser(database_url: str, database: Database) -> AsyncIterator[httpx.AsyncClient]:
    await add_measured_subjects(database, day=DAY, now=utc(TODAY))
    async with opened(database_url) as client:
        yield client


@pytest.fixture
async def ada(browser: httpx.AsyncClient, database: Database) -> Person:
    """She follows bees and clocks, which have been matched."""
    ada = await sign_in_browser(browser, database, ADA, now=utc(TODAY))
    async with database.write_session() as session:
        for words in ("honey bees", "pendulum <b>clocks</b>"):
            await reader_topics.create_topic(session, ada.id, TopicDraft(words=words), now=utc(TODAY))
    await match_latest(database, None)
    return ada


def listed(page: httpx.Response) -> list[str]:
    return re.findall(r'<li class="paper[^"]*" id="paper-([^"]+)"', page.text)


def for_you(page: httpx.Response) -> list[str]:
    block = page.text.partition('class="for-you"')[2].partition("</details>")[0]
    return re.findall(r'<h3[^>]*><a href="/papers/([^"]+)"', block)


def marked(page: httpx.Response) -> set[str]:
    """The papers that have a mark."""
    rows = re.split(r'<li class="paper[^"]*" id="paper-', page.text)[1:]
    return {row.partition('"')[0] for row in rows if 'class="fits"' in row}


async def test_what_fits_is_marked_with_band_and_topic_and_the_best_stand_first_with_reasons(
    browser: httpx.AsyncClient, ada: Person
) -> None:
    for address in (EDITION, "/papers", "/papers/week/2026-W11", "/papers/month/2026-03", "/papers/trending"):
        page = await browser.get(address)
        assert marked(page), address
        assert "Strong match</span> <a" in page.text
        assert "<bdi>honey bees</bdi>" in page.text
        assert "<b>clocks" not in page.text
    page = await browser.get(EDITION)
    assert 1 <= len(for_you(page)) <= 5
    assert len(set(for_you(page))) == len(for_you(page))
    assert "Mentions <b>honey bees</b>" in page.text
    assert for_you(await browser.get("/papers/week/2026-W11")) == []


async def test_sorted_by_fit_every_paper_comes_once_and_the_best_first(
    browser: httpx.AsyncClient, ada: Person
) -> None:
    first = await browser.get(EDITION)
    best = for_you(first)
    link = next(link for link in Page(first).links() if "order=fit" in link)
    page = await browser.get(link)
    assert listed(page)[: len(best)] == best
    assert len(listed(page)) == 30
    more = next(link for link in Page(page).links() if "after=" in link)
    assert "order=fit" in more
    rest = await browser.get(more.replace("&amp;", "&"))
    assert len({*listed(page), *listed(rest)}) == 60
    assert for_you(rest) == []
    nothing = await browser.get(f"{EDITION}?order=fit&category=cs.XX")
    assert nothing.status_code == 200
    assert listed(nothing) == []


async def test_others_and_visitors_see_nothing_of_it(
    browser: httpx.AsyncClient, database: Database, ada: Person
) -> None:
    browser.cookies.clear()
    anyones = await browser.get(f"{EDITION}?order=fit")
    assert listed(anyones) == listed(await browser.get(EDITION))
    await sign_in_browser(browser, database, BEN, now=utc(TODAY))
    for page in (anyones, await browser.get(f"{EDITION}?order=fit")):
        assert marked(page) == set()
        assert "honey bees</bdi>" not in page.text
        assert "for-you" not in page.text
        assert "order=fit" not in page.text


async def test_a_paper_rated_less_is_marked_no_more_and_leaves_for_you(
    browser: httpx.AsyncClient, ada: Person
) -> None:
    page = await browser.get(EDITION)
    refused = for_you(page)[0]
    topic = re.search(rf'/papers/{refused}".*?href="/topics/(\d+)"', page.text, re.DOTALL)
    assert topic
    await browser.post("/rate", data=ada.form(topic=topic[1], less=refused))
    page = await browser.get(EDITION)
    assert refused not in {*for_you(page), *marked(page)}
    assert marked(page), "the others stay, though the topic has changed"


async def test_where_nothing_fits_the_page_says_so_and_before_matching_nothing(
    browser: httpx.AsyncClient, database: Database
) -> None:
    ada = await sign_in_browser(browser, database, ADA, now=utc(TODAY))
    async with database.write_session() as session:
        await reader_topics.create_topic(
            session, ada.id, TopicDraft(words="quantum chromodynamics"), now=utc(TODAY)
        )
    assert "Nothing here fits" not in (await browser.get(EDITION)).text
    await match_latest(database, None)
    assert "Nothing here fits" in (await browser.get(EDITION)).text


async def test_what_came_since_the_last_visit_is_counted_until_all_is_marked_as_seen(
    browser: httpx.AsyncClient, database: Database, ada: Person
) -> None:
    assert "last visit" not in (await browser.get(EDITION)).text, "this is the first one"
    async with database.write_session() as session:
        await session.execute(
            update(Reader).values(created_at=utc("2026-02-01"), visited_at=utc(f"{DAY} 11:00"))
        )
        await session.execute(update(Listing).values(first_seen_at=utc(f"{DAY} 10:30")))
        late = update(Listing).where(Listing.paper_id.in_([paper_id(1), paper_id(60)]))
        await session.execute(late.values(first_seen_at=utc(f"{DAY} 11:30")))
    page = Page(await browser.get(EDITION))
    assert "2 new since your last visit" in page.text
    assert (await browser.post("/seen", data={})).status_code == 403
    answer = await browser.post("/seen", data=ada.form(), headers={"Referer": f"http://127.0.0.1{EDITION}"})
    assert (answer.status_code, answer.headers["Location"]) == (303, EDITION)
    answer = await browser.get(EDITION)
    assert "Caught up: nothing new since your last visit." in Page(answer).text
    assert answer.text.count('class="paper seen"') == len(listed(answer))
