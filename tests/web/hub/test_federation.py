"""One Paperround is another's feed: both end with the same papers, listings, fields and latest numbers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select, text

from paperround.database import Database
from paperround.feeds import backfill, ingestion
from paperround.feeds.huggingface.feed import open_huggingface
from paperround.feeds.tables import Reading, ReadingOutcome
from paperround.papers.tables import Author, Listing, Organization, Paper
from paperround.settings import Settings

from support.citation_records import complete_feed_record, hub_account
from support.factories import feed_record, store_listing, utc
from support.sites import running_site

RULES = ingestion.IngestionPolicy(reading_interval=timedelta(hours=1), half_life=timedelta(hours=24))
DAY = "2026-03-02"
NEXT_DAY = "2026-03-03"

# What depends on when a Paperround read, and so on heat's own law, is each one's own.
ITS_OWN = {"heat", "seen_at", "hub_seen_at", "first_seen_at", "sources"}


@dataclass
class Pair:
    """`first` has the papers, `second` reads them from it."""

    first: Database
    second: Database
    settings: Settings

    async def read(self, *days: str) -> list[Reading]:
        readings: list[Reading] = []
        async with open_huggingface(self.settings, self.second) as feed:
            wanted = [date.fromisoformat(day) for day in days]
            missing = await backfill.read_days(self.second, feed, RULES, wanted, on_reading=readings.append)
        assert missing == []
        return readings


@pytest.fixture
async def pair(database: Database, other_url: str) -> AsyncIterator[Pair]:
    with running_site(Settings(_env_file=None), other_url) as address:
        async with Database(other_url) as first:
            yield Pair(first, database, Settings(_env_file=None, huggingface_url=address, feed_rate=0))


async def rows(database: Database, table: type[Any], leave_out: set[str] = ITS_OWN) -> list[dict[str, Any]]:
    columns = [c for c in table.__table__.columns if c.name not in leave_out]
    async with database.read_session() as session:
        found = await session.execute(select(*columns).order_by(*table.__table__.primary_key))
        return [dict(row._mapping) for row in found]


async def latest_numbers(database: Database) -> list[tuple[Any, ...]]:
    newest = "SELECT DISTINCT ON (paper_id) paper_id, upvotes, comments, github_stars FROM signals"
    async with database.read_session() as session:
        found = await session.execute(text(f"{newest} ORDER BY paper_id, at DESC"))
        return [tuple(row) for row in found]


async def assert_same(pair: Pair) -> None:
    for table in (Paper, Author, Organization, Listing):
        assert await rows(pair.second, table) == await rows(pair.first, table), table.__name__
    assert await latest_numbers(pair.second) == await latest_numbers(pair.first)


def bare(paper_id: str) -> dict[str, Any]:
    """As little as a record may hold."""
    return {"paper": {"id": paper_id, "title": "Bare"}}


ODD: Sequence[Callable[[], dict[str, Any]]] = (
    lambda: complete_feed_record("2603.00001"),
    lambda: bare("2603.00002"),
    lambda: feed_record("astro-ph/0601001", paper__publishedAt="2006-01-02T03:04:05.000Z"),
    lambda: feed_record("2603.00004", paper__upvotes=0, numComments=0, paper__githubStars=0),
    lambda: feed_record("2603.00005", paper__ai_keywords=[], paper__mediaUrls=[], paper__authors=[]),
    lambda: feed_record(
        "2603.00006", title="If a < b & <b>bold</b>", paper__title=r"A \text{<script>} $x^2$ \\ é"
    ),
    lambda: feed_record(
        "2603.00007", paper__summary="One.\n\nTwo paragraphs: 你好, نص, 🙂.", isAuthorParticipating=False
    ),
    lambda: feed_record("2603.00008", submittedBy={"fullname": "Nobody by Name", "type": "user"}),
    lambda: feed_record(
        "2603.00009", paper__authors=[{"name": "A", "user": {"fullname": "No Name"}}, {"name": "A"}]
    ),
    lambda: feed_record("2603.00010", paper__publishedAt="2026-03-01T00:00:00.123456Z"),
    lambda: feed_record("2603.00011", paper__publishedAt="2026-03-01T00:00:00+02:00"),
    lambda: feed_record("2603.00012", paper__publishedAt=..., publishedAt=...),
    lambda: feed_record("2603.00013", mediaUrl="/media/old.mp4", thumbnail="/thumbs/old.png"),
    lambda: feed_record(
        "2603.00014", paper__githubRepo="github.com/a/b/tree/main", paper__projectPage="javascript:x"
    ),
    lambda: feed_record(
        "2603.00015", paper__organization={"name": "tiny"}, submittedBy=hub_account("ada", isPro=True)
    ),
    lambda: feed_record(
        "2603.00016", submittedBy=..., submitterOrganization={"name": "tiny", "fullname": "Tiny"}
    ),
    lambda: feed_record("2603.00017", paper__upvotes=2**31 - 1, paper__discussionId=...),
    lambda: feed_record(
        "2603.00018", paper__authors=[{"name": f"Author {n}", "hidden": n % 7 == 0} for n in range(900)]
    ),
)


async def test_every_field_of_every_kind_of_record_arrives(pair: Pair) -> None:
    await store_listing(pair.first, DAY, *(make() for make in ODD))

    [reading] = await pair.read(DAY)

    assert (reading.outcome, reading.papers) == (ReadingOutcome.clean, len(ODD))
    await assert_same(pair)


async def test_a_second_round_changes_nothing(pair: Pair) -> None:
    await store_listing(pair.first, DAY, *(make() for make in ODD))
    await pair.read(DAY)
    looked = {"seen_at", "hub_seen_at"}
    before = [await rows(pair.second, table, looked) for table in (Paper, Author, Organization, Listing)]
    async with count_signals(pair.second) as unchanged:
        await pair.read(DAY)

    after = [await rows(pair.second, table, looked) for table in (Paper, Author, Organization, Listing)]
    assert after == before
    assert unchanged()


@asynccontextmanager
async def count_signals(database: Database) -> AsyncIterator[Callable[[], bool]]:
    async def count() -> int:
        async with database.read_session() as session:
            return (await session.execute(text("SELECT count(*) FROM signals"))).scalar_one()

    numbers = [await count()]
    yield lambda: numbers[0] == numbers[1]
    numbers.append(await count())


async def test_grown_votes_and_grown_lists_arrive(pair: Pair) -> None:
    await store_listing(
        pair.first,
        DAY,
        feed_record("2603.00001", paper__upvotes=3),
        feed_record("2603.00002", paper__upvotes=9),
    )
    await pair.read(DAY)
    await store_listing(
        pair.first,
        DAY,
        feed_record("2603.00001", paper__upvotes=8, numComments=5, paper__githubStars=2),
        feed_record("2603.00002", paper__upvotes=4, title="Reworded"),
        feed_record("2603.00003"),
        seen_at=utc("2026-03-04 12:00"),
    )
    await store_listing(pair.first, NEXT_DAY, feed_record("2603.00004"))

    await pair.read(DAY, NEXT_DAY)

    await assert_same(pair)
    assert ("2603.00001", 8, 5, 2) in await latest_numbers(pair.second)


async def test_more_than_a_page_of_papers_arrives_whole(pair: Pair) -> None:
    await store_listing(
        pair.first, DAY, *(feed_record(f"2603.{n:05}", paper__upvotes=n % 5) for n in range(1, 231))
    )

    [reading] = await pair.read(DAY)

    assert reading.papers == 230
    await assert_same(pair)


async def test_a_paper_on_two_days_is_one_paper_with_two_listings(pair: Pair) -> None:
    await store_listing(pair.first, DAY, feed_record("2603.00001", submittedBy=hub_account("ada")))
    await store_listing(
        pair.first, NEXT_DAY, feed_record("2603.00001", submittedBy=hub_account("ben"), paper__upvotes=30)
    )

    await pair.read(NEXT_DAY, DAY)

    await assert_same(pair)
    assert len(await rows(pair.second, Listing)) == 2


async def test_the_sample_edition_stays_at_home(pair: Pair) -> None:
    await store_listing(pair.first, DAY, feed_record("0000.00001"), feed="sample")

    [reading] = await pair.read(DAY)

    assert reading.outcome is ReadingOutcome.empty
    assert await rows(pair.second, Paper) == []
