"""Readings obey the pauses and rate limits of the host."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest

from paperround.database import utc_now
from paperround.feeds.tables import ReadingOutcome

from support.factories import feed_record
from support.feed_server import (
    Answer,
    FeedServer,
    error_answer,
    json_answer,
)
from support.ingestion_runner import (
    GOOD,
    IngestionRunner,
    later,
)


async def test_a_short_retry_after_is_waited_for_within_the_reading(
    runner: IngestionRunner, feed: FeedServer
) -> None:
    feed.days["2026-03-02"] = GOOD
    feed.faults = [error_answer(429, Retry_After="1")]
    started = time.monotonic()
    assert (await runner.read()).outcome is ReadingOutcome.clean
    assert time.monotonic() - started >= 1


async def test_a_long_retry_after_ends_the_reading_and_pauses_all_workers(
    runner: IngestionRunner, feed: FeedServer
) -> None:
    runner.now = utc_now()
    day = runner.now.date()
    feed.default_fault = error_answer(429, Retry_After="3600")
    reading = await runner.read(day)
    assert reading.error.startswith("HTTP 429")
    assert len(feed.requests) == 1
    due = (await runner.load_day(day)).next_try_at
    assert timedelta(minutes=59) < due - runner.now < timedelta(minutes=61)
    await runner.make_due(day, day - timedelta(days=1))
    assert await runner.read_due() == []
    assert len(feed.requests) == 1


async def test_retry_after_may_be_a_date(runner: IngestionRunner, feed: FeedServer) -> None:
    runner.now = utc_now()
    date_of_end = (runner.now + timedelta(hours=2)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    feed.default_fault = error_answer(503, Retry_After=date_of_end)
    await runner.read(runner.now.date())
    due = (await runner.load_day(runner.now.date())).next_try_at
    assert abs(due - runner.now - timedelta(hours=2)) < timedelta(minutes=1)


@pytest.mark.parametrize(
    "value", ["soon", "-5", "9" * 40, "Mon, 01 Jan " + "9" * 30 + " 00:00:00 GMT", "1e9"]
)
async def test_an_unreadable_retry_after_is_ignored(
    runner: IngestionRunner, feed: FeedServer, value: str
) -> None:
    feed.default_fault = error_answer(429, Retry_After=value)
    assert (await runner.read()).error.startswith("HTTP 429")
    assert (await runner.load_day()).next_try_at == later(seconds=30)


async def test_a_pause_is_at_most_a_day(runner: IngestionRunner, feed: FeedServer) -> None:
    runner.now = utc_now()
    feed.default_fault = error_answer(429, Retry_After="99999999")
    await runner.read(runner.now.date())
    due = (await runner.load_day(runner.now.date())).next_try_at
    assert due - runner.now < timedelta(hours=24, minutes=1)


async def test_an_exhausted_rate_limit_pauses_later_requests(
    runner: IngestionRunner, feed: FeedServer
) -> None:
    runner.now = utc_now()
    days = [runner.now.date() - timedelta(days=n) for n in range(3)]
    used_up = {"RateLimit": '"api";r=0;t=120'}
    feed.default_fault = lambda items: (200, {"Content-Type": "application/json", **used_up}, b"[]")
    await runner.make_due(*days)
    assert len(await runner.read_due()) == 1
    assert len(feed.requests) == 1


async def test_a_pause_by_another_worker_stops_a_reading_between_pages(
    runner: IngestionRunner, feed: FeedServer
) -> None:
    """The host asks another worker to wait between two pages of this one."""
    runner.now = utc_now()
    feed.days[str(runner.now.date())] = [feed_record(f"2603.{n:05}") for n in range(1, 31)]
    feed.max_page_size = 20

    def page_then_pause(items: list[Any]) -> Answer:
        return 200, {"RateLimit": '"api";r=0;t=600'}, json_answer(items)[2]

    feed.faults = [page_then_pause]
    reading = await runner.read(runner.now.date())
    assert reading.outcome is ReadingOutcome.failed
    assert len(feed.requests) == 1
    assert (await runner.load_day(runner.now.date())).next_try_at - runner.now > timedelta(minutes=9)
