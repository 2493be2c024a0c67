"""Many days at once: all of them, each once, together with a worker; what fails is told."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import date, timedelta
from itertools import count

import pytest
from sqlalchemy import func, select

from paperround.database import utc_now
from paperround.feeds import backfill, ingestion, schedule
from paperround.feeds.http import Limits
from paperround.feeds.huggingface.feed import huggingface
from paperround.feeds.tables import Outcome, Reading
from paperround.papers.tables import Paper

from support.factories import item
from support.feed_server import FeedServer, as_json, html

DAYS = [date(2026, 3, 1) + timedelta(days=n) for n in range(12)]
RULES = ingestion.Rules(every=timedelta(hours=1), half_life=timedelta(hours=24))
LIMITS = Limits(tries=1, first_wait=0.01)


@pytest.fixture
def filled(feed: FeedServer) -> FeedServer:
    feed.days |= {str(day): [item(f"2603.{day.day:05}")] for day in DAYS}
    return feed


async def test_every_day_is_read_once_and_told_of(database, settings, filled):
    told: list[Reading] = []
    async with huggingface(settings, database, LIMITS) as hub:
        missing = await backfill.read_days(database, hub, RULES, DAYS, told=told.append)
    assert missing == []
    assert sorted(reading.day for reading in told) == DAYS
    async with database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(Paper)) == len(DAYS)


async def test_a_future_day_is_refused_before_any_request(database, settings, feed):
    tomorrow = utc_now().date() + timedelta(days=1)
    async with huggingface(settings, database, LIMITS) as hub:
        with pytest.raises(schedule.FutureDay):
            await backfill.read_days(database, hub, RULES, [*DAYS, tomorrow], told=print)
    assert feed.requests == []


async def test_a_day_that_fails_once_is_tried_again_and_days_that_keep_failing_are_told(
    database, settings, filled, monkeypatch
):
    monkeypatch.setattr(schedule, "FIRST_RETRY", timedelta(milliseconds=50))
    monkeypatch.setattr(backfill, "ROUNDS", 3)
    bad = DAYS[5]
    filled.faults = [html]
    filled.always = lambda items: html(items) if filled.requests[-1]["date"] == str(bad) else as_json(items)
    told: list[Reading] = []
    async with huggingface(settings, database, LIMITS) as hub:
        missing = await backfill.read_days(database, hub, RULES, DAYS[4:7], told=told.append)
    assert missing == [bad]
    assert {reading.day for reading in told if reading.outcome is Outcome.failed} >= {bad}
    async with database.reading() as session:
        assert await schedule.next_due(session, "huggingface", among=[bad]) is not None


async def test_a_day_that_a_worker_is_just_reading_is_waited_for(database, settings, filled):
    """It has the oldest day from before the second of the others is read until after the last."""
    oldest, has_it, all_asked, numbers = DAYS[0], threading.Event(), threading.Event(), count(1)

    def answer(items: list[object]) -> object:
        if not items:  # past the list's end
            return as_json(items)
        number = next(numbers)
        if number == len(DAYS):
            all_asked.set()
        if items[0]["paper"]["id"] == "2603.00001":
            has_it.set()
            all_asked.wait(60)
            time.sleep(0.3)
        elif number > 1:
            has_it.wait(60)
        return as_json(items)

    filled.always = answer
    told: list[Reading] = []
    worker: list[asyncio.Task[Reading | None]] = []
    async with huggingface(settings, database, LIMITS) as hub:

        def start_worker(reading: Reading) -> None:
            told.append(reading)
            if not worker:
                read = ingestion.read_next(database, hub, RULES, among=[oldest])
                worker.append(asyncio.create_task(read))

        missing = await backfill.read_days(database, hub, RULES, DAYS, told=start_worker)
        taken = await worker[0]
    assert taken is not None
    assert missing == []
    assert sorted(reading.day for reading in told) == DAYS[1:]
