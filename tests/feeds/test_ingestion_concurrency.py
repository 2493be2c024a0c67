"""Guarantee 1: concurrent readers, and a killed one, store the same as a single reader."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from datetime import timedelta

from paperround.feeds.tables import Reading, ReadingOutcome
from paperround.papers.tables import Listing

from support.factories import feed_record
from support.feed_server import (
    FeedServer,
    slow_answer,
)
from support.ingestion_runner import (
    DAY,
    GOOD,
    IngestionRunner,
    later,
)


async def test_two_concurrent_readers_read_each_day_once(runner: IngestionRunner, feed: FeedServer) -> None:
    days = [DAY + timedelta(days=n) for n in range(6)]
    for day in days:
        feed.days[str(day)] = [feed_record(f"2603.{day.day:05}"), feed_record("2603.00999")]
    runner.now = later(days=10)
    await runner.make_due(*days)
    told = await asyncio.gather(*(runner.read_due() for _ in range(4)))
    assert sorted(reading.day for some in told for reading in some) == days
    assert [reading.outcome for some in told for reading in some] == [ReadingOutcome.clean] * 6
    assert (await runner.load_paper("2603.00999")).listed_on == DAY
    assert await runner.count_rows(Listing) == 12


async def test_concurrent_readers_of_overlapping_days_store_the_same_as_one(
    runner: IngestionRunner, feed: FeedServer
) -> None:
    days = [DAY + timedelta(days=n) for n in range(4)]
    for day in days:
        shared = [feed_record(f"2603.{n:05}", paper__upvotes=n) for n in range(day.day, day.day + 6)]
        feed.days[str(day)] = shared if day.day % 2 else shared[::-1]
    runner.now = later(days=5)
    await runner.make_due(*days)
    await asyncio.gather(*(runner.read_due() for _ in range(4)))
    before = await runner.dump_tables()
    await runner.make_due(*days)
    await asyncio.gather(*(runner.read_due() for _ in range(4)))
    assert await runner.dump_tables() == before


CHILD = """
import asyncio, sys
from datetime import timedelta
from paperround.database import Database
from paperround.feeds import ingestion
from paperround.feeds.huggingface.feed import open_huggingface
from paperround.settings import Settings

async def main():
    settings = Settings(_env_file=None, huggingface_url=sys.argv[1], feed_rate=0)
    database = Database(sys.argv[2])
    policy = ingestion.IngestionPolicy(
        reading_interval=timedelta(hours=1), half_life=timedelta(hours=24)
    )
    async with open_huggingface(settings, database) as hub:
        await ingestion.read_next_day(database, hub, policy)

asyncio.run(main())
"""


async def test_a_day_whose_reader_was_killed_can_be_claimed_at_once(
    runner: IngestionRunner, feed: FeedServer, database_url: str
) -> None:
    feed.days["2026-03-02"] = GOOD
    await runner.make_due(DAY)
    feed.faults = [slow_answer(60)]
    child = subprocess.Popen([sys.executable, "-c", CHILD, feed.url, database_url])
    try:
        deadline = time.monotonic() + 60
        while not feed.requests and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        assert len(feed.requests) == 1
        assert await runner.read_next() is None, "the child holds the day"
    finally:
        child.kill()
        child.wait()
    deadline = time.monotonic() + 60
    while (reading := await runner.read_next()) is None and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
    assert reading is not None
    assert reading.outcome is ReadingOutcome.clean
    assert await runner.count_rows(Reading) == 1
