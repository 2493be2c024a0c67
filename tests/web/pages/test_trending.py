"""What trended in a week or a month, and what was listed a year before a quiet day."""

from __future__ import annotations

import re
from typing import Any

import pytest

from paperround.database import Database

from support.factories import feed_record, store_listing, utc
from support.pages import Page, opened


async def read(database: Database, day: str, at: str, **upvotes: int) -> None:
    records = [feed_record(f"2603.000{name[1:]:>02}", paper__upvotes=n) for name, n in upvotes.items()]
    await store_listing(database, day, *records, seen_at=utc(at))


def ids(page: Page) -> list[str]:
    return list(dict.fromkeys(page.papers()))


async def test_weeks_and_months_are_ordered_by_the_votes_of_their_time(
    database: Database, database_url: str
) -> None:
    await read(database, "2026-01-30", "2026-01-30 12:00", n1=50, n2=20)
    await read(database, "2026-01-30", "2026-02-03 12:00", n1=55, n2=60)
    await read(database, "2026-02-12", "2026-02-12 12:00", n3=30)
    await read(database, "2026-02-12", "2026-03-05 12:00", n3=900)

    async with opened(database_url) as site:
        february = Page(await site.get("/papers/trending/month/2026-02"))
        assert ids(february) == ["2603.00002", "2603.00003", "2603.00001"]
        for words in ("Trending in February", "40 votes that month", "30 votes that month"):
            assert words in february.text
        assert "/papers/month/2026-02" in february.links()
        assert february.links("prev") == ["/papers/trending/month/2026-01"]
        assert february.links("next") == []  # no day with papers lies behind it

        week = Page(await site.get("/papers/trending/week/2026-W06"))
        assert ids(week) == ["2603.00002", "2603.00001"]
        assert week.links("prev") == ["/papers/trending/week/2026-W05"]
        assert week.links("next") == ["/papers/trending/week/2026-W07"]
        assert ids(Page(await site.get("/papers/trending/month/2026-03"))) == ["2603.00003"]

        assert "/papers/trending/month/2026-03" in Page(await site.get("/papers/trending")).links()
        assert "/papers/trending/month/2026-02" in Page(await site.get("/papers/month/2026-02")).links()


async def test_what_trended_goes_on_to_its_end(database: Database, database_url: str) -> None:
    records = [feed_record(f"2603.{n:05}", paper__upvotes=n) for n in range(1, 65)]
    await store_listing(database, "2026-03-02", *records)
    async with opened(database_url) as site:
        address, found = "/papers/trending/week/2026-W10", []
        while address:
            answer = await site.get(address)
            found += ids(Page(answer))
            link = re.search(r'class="button" href="([^"]+after=[^"]+)"', answer.text)
            address = link[1].replace("&amp;", "&") if link else ""
        assert found == [f"2603.{n:05}" for n in range(64, 0, -1)]
        beyond = Page(await site.get("/papers/trending/week/2026-W10?after=300"))
        assert (ids(beyond), "Back to the top papers" in beyond.text) == ([], True)


@pytest.mark.parametrize(
    ("address", "status", "words"),
    [
        ("/papers/trending/month/2026-13", 400, "is not a month"),
        ("/papers/trending/week/2026", 400, "is not an ISO week"),
        ("/papers/trending/month/2026-03?after=-1", 400, ""),
        ("/papers/trending/month/2026-03?after=301", 400, ""),
        ("/papers/trending/month/2026-03?after=x", 400, ""),
        ("/papers/trending/month/0001-01", 200, "No paper drew votes then"),
        ("/papers/trending/month/9999-12", 400, ""),
        ("/papers/trending/month/9999-11", 200, "hasn’t come yet"),
        ("/papers/trending/month/2026-03", 200, "No paper drew votes yet"),
    ],
)
async def test_times_without_votes_and_what_is_no_time_say_so(
    database_url: str, address: str, status: int, words: str
) -> None:
    async with opened(database_url) as site:
        answer = await site.get(address)
    assert answer.status_code == status
    assert words in answer.text


def days_with(number: int) -> list[dict[str, Any]]:
    return [feed_record(f"2603.{n:05}", paper__upvotes=n) for n in range(1, number + 1)]


async def test_a_quiet_day_shows_the_best_of_a_year_ago(database: Database, database_url: str) -> None:
    older = [feed_record(f"2502.{n:05}", paper__upvotes=n) for n in range(1, 9)]
    await store_listing(database, "2025-03-03", *older)
    await store_listing(database, "2026-03-03", *days_with(3))
    await store_listing(database, "2026-03-04", feed_record("2603.00009"))
    best = [f"2502.{n:05}" for n in range(8, 3, -1)]

    async with opened(database_url) as site:

        async def shown(address: str) -> list[str]:
            return ids(Page(await site.get(address)))

        assert await shown("/papers/date/2026-03-01") == best  # 3 March is the nearest with papers
        assert await shown("/papers/date/2026-03-04") == ["2603.00009", *best]
        assert await shown("/papers/date/2026-03-07") == []  # too far from it
        assert await shown("/papers/date/2026-03-03") == ["2603.00003", "2603.00002", "2603.00001"]
        assert await shown("/papers/date/2026-03-04?category=cs.CL") == []
        assert await shown("/papers/date/2027-03-03") == []  # hasn't come yet
        assert await shown("/papers/date/0001-01-02") == []
        page = Page(await site.get("/papers/date/2026-03-01"))
        assert "A year ago The most voted papers of Monday, 3 March 2025" in page.text
        assert "/papers/date/2025-03-03" in page.links()


async def test_the_year_before_a_leap_day_is_asked_for_the_28th(
    database: Database, database_url: str
) -> None:
    await store_listing(database, "2023-02-28", feed_record("2302.00001"))
    async with opened(database_url) as site:
        assert ids(Page(await site.get("/papers/date/2024-02-29"))) == ["2302.00001"]
