"""The backfill reads each of many days once, also beside a worker, and reports failures."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import date, timedelta
from itertools import count
from typing import Any

import pytest
from sqlalchemy import func, select

from paperround.database import Database, utc_now
from paperround.feeds import backfill, ingestion, schedule
from paperround.feeds.http import RequestLimits
from paperround.feeds.huggingface.feed import open_huggingface
from paperround.feeds.tables import Reading, ReadingOutcome
from paperround.papers.tables import Paper
from paperround.settings import Settings

from support.factories import feed_record
from support.feed_server import Answer, FeedServer, html_answer, json_answer

DAYS = [date(2026, 3, 1) + timedelta(days=n) for n in range(12)]
POLICY = ingestion.IngestionPolicy(reading_interval=timedelta(hours=1), half_life=timedelta(hours=24))
LIMITS = RequestLimits(max_attempts=1, first_retry_delay=0.01)


@pytest.fixture
def filled(feed: FeedServer) -> FeedServer:
    feed.days |= {str(day): [feed_record(f"2603.{day.day:05}")] for day in DAYS}
    return feed


async def test_every_day_is_read_once_and_reported(
    database: Database, settings: Settings, filled: FeedServer
) -> None:
    readings: list[Reading] = []
    async with open_huggingface(settings, database, LIMITS) as hub:
        missing = await backfill.read_days(database, hub, POLICY, DAYS, on_reading=readings.append)
    assert missing == []
    assert sorted(reading.day for reading in readings) == DAYS
    async with database.read_session() as session:
        assert await session.scalar(select(func.count()).select_from(Paper)) == len(DAYS)


async def test_a_future_day_is_rejected_before_any_request(
    database: Database, settings: Settings, feed: FeedServer
) -> None:
    tomorrow = utc_now().date() + timedelta(days=1)
    async with open_huggingface(settings, database, LIMITS) as hub:
        with pytest.raises(schedule.DayInFuture):
            await backfill.read_days(database, hub, POLICY, [*DAYS, tomorrow], on_reading=print)
    assert feed.requests == []


async def test_a_failed_day_is_retried_and_reported_if_it_keeps_failing(
    database: Database, settings: Settings, filled: FeedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "MIN_RETRY_DELAY", timedelta(milliseconds=50))
    monkeypatch.setattr(backfill, "MAX_ROUNDS", 3)
    bad = DAYS[5]
    filled.faults = [html_answer]
    filled.default_fault = lambda items: (
        html_answer(items) if filled.requests[-1]["date"] == str(bad) else json_answer(items)
    )
    readings: list[Reading] = []
    async with open_huggingface(settings, database, LIMITS) as hub:
        missing = await backfill.read_days(database, hub, POLICY, DAYS[4:7], on_reading=readings.append)
    assert missing == [bad]
    assert {reading.day for reading in readings if reading.outcome is ReadingOutcome.failed} >= {bad}
    async with database.read_session() as session:
        assert await schedule.find_next_due_time(session, "huggingface", only_days=[bad]) is not None


async def test_the_backfill_waits_for_a_day_that_a_worker_is_reading(
    database: Database, settings: Settings, filled: FeedServer
) -> None:
    """The worker holds the oldest day until all other days are requested."""
    oldest, has_it, all_asked, numbers = DAYS[0], threading.Event(), threading.Event(), count(1)

    def answer(items: list[Any]) -> Answer | None:
        if not items:  # past the list's end
            return json_answer(items)
        number = next(numbers)
        if number == len(DAYS):
            all_asked.set()
        if items[0]["paper"]["id"] == "2603.00001":
            has_it.set()
            all_asked.wait(60)
            time.sleep(0.3)
        elif number > 1:
            has_it.wait(60)
        return json_answer(items)

    filled.default_fault = answer
    readings: list[Reading] = []
    worker: list[asyncio.Task[Reading | None]] = []
    async with open_huggingface(settings, database, LIMITS) as hub:

        def start_worker(reading: Reading) -> None:
            readings.append(reading)
            if not worker:
                read = ingestion.read_next_day(database, hub, POLICY, only_days=[oldest])
                worker.append(asyncio.create_task(read))

        missing = await backfill.read_days(database, hub, POLICY, DAYS, on_reading=start_worker)
        taken = await worker[0]
    assert taken is not None
    assert missing == []
    assert sorted(reading.day for reading in readings) == DAYS[1:]
