"""The pages of editions and of trending papers."""

from __future__ import annotations

import re
from datetime import date

import httpx
import pytest
from sqlalchemy import delete

from paperround.database import Database
from paperround.feeds.tables import FeedDay
from paperround.papers.tables import Listing

from support.factories import feed_record, store_listing, utc
from support.pages import Page, opened, three_days


async def test_the_front_page_leads_to_the_latest_edition(
    pages: httpx.AsyncClient, database: Database
) -> None:
    await three_days(database)

    home = await pages.get("/")
    page = Page(await pages.get("/papers"))

    assert (home.status_code, home.headers["Location"]) == (307, "/papers")
    assert page.papers() == ["astro-ph/0601001", "2603.00010"]
    assert "Friday, 6 March" in page.text


async def test_the_front_page_follows_when_a_newer_list_comes_or_the_newest_goes(
    pages: httpx.AsyncClient, database: Database
) -> None:
    await three_days(database)
    assert "Friday, 6 March" in Page(await pages.get("/papers")).text

    await store_listing(database, "2026-03-09", feed_record("2603.00077"))
    assert Page(await pages.get("/papers")).papers() == ["2603.00077"]

    async with database.write_session() as session:
        await session.execute(delete(Listing).where(Listing.day > date(2026, 3, 4)))
    assert "Monday, 2 March" in Page(await pages.get("/papers")).text

    async with database.write_session() as session:
        await session.execute(delete(Listing))
    assert "No papers yet" in Page(await pages.get("/papers")).text


async def test_without_papers_there_is_a_page_that_says_so(pages: httpx.AsyncClient) -> None:
    page = Page(await pages.get("/papers"))

    assert page.status == 200
    assert "No papers yet" in page.text


async def test_an_edition_leads_to_its_neighbours_past_empty_ones(
    subtests: pytest.Subtests,
    pages: httpx.AsyncClient,
    database: Database,
) -> None:
    cases: list[tuple[str, str | None, str | None]] = [
        ("/papers/date/2026-03-02", "/papers/date/2026-02-27", "/papers/date/2026-03-06"),
        ("/papers/date/2026-03-04", "/papers/date/2026-03-02", "/papers/date/2026-03-06"),
        ("/papers/date/2026-02-27", None, "/papers/date/2026-03-02"),
        ("/papers/week/2026-W10", "/papers/week/2026-W09", None),
        ("/papers/week/2026-W09", None, "/papers/week/2026-W10"),
        ("/papers/month/2026-03", "/papers/month/2026-02", None),
        ("/papers/month/2026-02", None, "/papers/month/2026-03"),
    ]
    for address, previous, following in cases:
        with subtests.test(address=address, previous=previous, following=following):
            await three_days(database)
            page = Page(await pages.get(address))

            assert page.links("prev") == [previous] * (previous is not None)
            assert page.links("next") == [following] * (following is not None)


@pytest.mark.parametrize(
    ("address", "papers"),
    [
        ("/papers/date/2026-03-02", ["2603.00003", "2603.00002", "2603.00001"]),
        ("/papers/date/2026-03-04", []),
        ("/papers/week/2026-W09", ["2602.00001"]),
        (
            "/papers/month/2026-03",
            ["astro-ph/0601001", "2603.00010", "2603.00003", "2603.00002", "2603.00001"],
        ),
    ],
)
async def test_an_edition_lists_its_papers_by_votes(
    pages: httpx.AsyncClient, database: Database, address: str, papers: list[str]
) -> None:
    await three_days(database)

    assert Page(await pages.get(address)).papers() == papers


async def test_a_long_edition_goes_on_until_its_end(library: httpx.AsyncClient) -> None:
    found: list[str] = []
    address: str | None = "/papers/date/2026-03-02"
    while address:
        page = Page(await library.get(address))
        found += page.papers()
        address = next((link for link in page.links() if "?after=" in link), None)

    assert sorted(found) == [f"2603.{n:05}" for n in range(1, 61)]


async def test_trending_has_the_newly_voted_first(pages: httpx.AsyncClient, database: Database) -> None:
    await store_listing(database, "2025-03-02", feed_record("2503.00001", paper__upvotes=300))
    await store_listing(
        database, "2026-03-02", feed_record("2603.00001", paper__upvotes=3), feed_record("2603.00002")
    )

    assert Page(await pages.get("/papers/trending")).papers() == ["2603.00002", "2603.00001", "2503.00001"]


@pytest.mark.parametrize(
    ("now", "words"), [("2026-12-31 23:59", "2 March"), ("2027-01-01 00:00", "2 March 2026")]
)
async def test_a_year_stands_only_where_it_is_not_this_one(
    database: Database, database_url: str, now: str, words: str
) -> None:
    await store_listing(database, "2026-03-02", feed_record())
    async with opened(database_url, now=now) as client:
        edition = Page(await client.get("/papers/date/2026-03-02"))
        paper = Page(await client.get("/papers/2603.00001"))

    assert f"Monday, {words}" in edition.text
    assert ("2026" in words) == ("2026" in edition.text.replace("2603.", "")) == ("1 Mar 2026" in paper.text)


async def test_trending_says_why(pages: httpx.AsyncClient, database: Database) -> None:
    await store_listing(
        database, "2026-03-09", feed_record("2603.00001", paper__upvotes=3), seen_at=utc("2026-03-09 08:00")
    )
    await store_listing(
        database, "2026-03-09", feed_record("2603.00001", paper__upvotes=8), seen_at=utc("2026-03-10 11:00")
    )

    assert "5 votes today · listed yesterday" in Page(await pages.get("/papers/trending")).text


async def test_the_newest_edition_says_how_fresh_it_is(pages: httpx.AsyncClient, database: Database) -> None:
    await three_days(database)
    async with database.write_session() as session:
        session.add(
            FeedDay(feed="huggingface", day=date(2026, 3, 6), read_at=utc("2026-03-10 11:54"), failures=0)
        )
    newest, older = [Page(await pages.get(f"/papers/date/2026-03-{day}")) for day in ("06", "02")]

    assert "by 2 authors, updated 6 minutes ago" in newest.text
    assert "by 2 authors. " in older.text
    assert "papers may be missing" not in newest.text


async def test_an_edition_that_could_not_be_read_for_a_day_says_so(
    pages: httpx.AsyncClient, database: Database
) -> None:
    await three_days(database)
    async with database.write_session() as session:
        session.add(
            FeedDay(feed="huggingface", day=date(2026, 3, 6), read_at=utc("2026-03-09 11:00"), failures=3)
        )

    assert (
        "The feed couldn’t be read since then, so papers may be missing."
        in Page(await pages.get("/papers")).text
    )


async def test_a_list_leads_with_what_was_done_and_opens_to_the_whole_abstract(
    pages: httpx.AsyncClient, database: Database
) -> None:
    known, done = (
        "Gradients have long been slow.",
        "We propose a way of waiting for $x_1$ that takes no time.",
    )
    both = {"summary": f"{known} {done}", "paper__summary": f"{known} {done}"}
    turned = {"summary": f"{done} {known}", "paper__summary": f"{done} {known}"}
    await store_listing(
        database,
        "2026-03-09",
        feed_record("2603.00001", paper__ai_summary="Waiting pays.", paper__upvotes=9, **both),
        feed_record("2603.00002", paper__upvotes=8, **both),
        feed_record("2603.00003", paper__upvotes=7, **turned),
        feed_record("2603.00004", paper__upvotes=6, summary="", paper__summary=""),
    )
    html = (await pages.get("/papers/date/2026-03-09")).text
    first, second, third, empty = html.split('<li class="paper"')[1:]
    in_order(first, "<summary>", "AI summary", "Waiting pays.", "</summary>", "Abstract", known, "We propose")
    in_order(second, "<summary>", "We propose", "<math", "</summary>", known, "We propose")
    assert "AI summary" not in second + third
    assert third.count("We propose") == 1, "an abstract that begins with it stands alone"
    in_order(third, "We propose", known)
    assert "abstract" not in empty.partition("</article>")[0]
    paper = (await pages.get("/papers/2603.00001")).text.partition("<main")[2]
    in_order(paper, "In short", "Waiting pays.", "Written by a model", 'id="abstract"', known)


def in_order(html: str, *words: str) -> None:
    places = [html.index(words[0])]
    for word in words[1:]:
        places.append(html.index(word, places[-1]))
    assert places == sorted(places)


async def test_the_calendar_has_the_days_of_the_month_with_their_papers(
    pages: httpx.AsyncClient, database: Database
) -> None:
    await three_days(database)
    # The same papers on another feed's list of the day count once.
    await store_listing(database, "2026-03-06", feed_record("2603.00010"), feed="arxiv")
    for address, current in (
        ("/papers/date/2026-03-06", ["Friday, 6 March: 2 papers"]),
        ("/papers/date/2026-03-04", []),
        ("/papers/week/2026-W10", ["Monday, 2 March: 3 papers", "Friday, 6 March: 2 papers"]),
        ("/papers/month/2026-03", []),
    ):
        html = (await pages.get(address)).text
        days = re.findall(r'<a href="([^"]+)" aria-label="(\w+day, [^"]+)"( aria-current="date")?>', html)
        assert [day[:2] for day in days] == [
            ("/papers/date/2026-03-02", "Monday, 2 March: 3 papers"),
            ("/papers/date/2026-03-06", "Friday, 6 March: 2 papers"),
        ], address
        assert [label for _, label, marked in days if marked] == current, address
        table = html[html.index("<table") : html.index("</table>")]
        assert [int(n) for n in re.findall(r"<(?:a|span)[^>]*>(\d+)<(?:small|/span)", table)] == list(
            range(1, 32)
        )
        assert 'href="/papers/month/2026-02"' in html
        assert 'href="/papers/month/2026-04"' in html


@pytest.mark.parametrize("day", ["0001-01-01", "9999-11-30", "2024-02-29"])
async def test_the_calendar_ends_where_the_years_end(pages: httpx.AsyncClient, day: str) -> None:
    assert (await pages.get(f"/papers/date/{day}")).status_code == 200
