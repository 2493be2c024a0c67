"""The status of a feed, as shown on `/status`."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from paperround.database import Database
from paperround.feeds import ingestion, schedule, status
from paperround.feeds.http import RequestLimits
from paperround.feeds.huggingface.feed import open_huggingface
from paperround.settings import Settings

from support.factories import feed_record, utc
from support.feed_server import FeedServer, html_answer

RULES = ingestion.IngestionPolicy(reading_interval=timedelta(hours=1), half_life=timedelta(hours=24))
DAY = date(2026, 3, 2)


@pytest.fixture
def read(database: Database, settings: Settings) -> Any:
    async def read(day: date, now: str) -> None:
        async with database.write_session() as session:
            await schedule.make_days_due(session, "huggingface", [day], now=utc(now))
        async with open_huggingface(settings, database, RequestLimits(max_attempts=1)) as hub:
            await ingestion.read_next_day(database, hub, RULES, only_days=[day], clock=lambda: utc(now))

    return read


@pytest.fixture
def state(database: Database) -> Any:
    async def state(now: str) -> status.FeedStatus:
        async with database.read_session() as session:
            return await status.load_feed_status(session, "huggingface", now=utc(now))

    return state


async def test_a_feed_that_was_never_read_is_stale(state: Any) -> None:
    now = await state("2026-03-02 12:00")
    assert (now.last_success, now.newest_day, now.next_run, now.last_error) == (None, None, None, None)
    assert (now.failing_days, now.unsettled_days, now.quarantined) == (0, 0, 0)
    assert now.stale
    assert now.silent
    assert now.age is None


async def test_a_successful_reading_updates_the_status(read: Any, state: Any, feed: FeedServer) -> None:
    feed.days["2026-03-02"] = [feed_record()]
    await read(DAY, "2026-03-02 12:00")
    now = await state("2026-03-03 11:00")
    assert now.last_success == utc("2026-03-02 12:00")
    assert now.next_run == utc("2026-03-02 13:00")
    assert (now.newest_day, now.age, now.last_error) == (DAY, timedelta(days=1), None)
    assert not now.stale


async def test_the_last_error_is_shown_until_a_reading_succeeds(
    read: Any, state: Any, feed: FeedServer
) -> None:
    feed.default_fault = html_answer
    await read(DAY, "2026-03-02 12:00")
    failed = await state("2026-03-02 12:01")
    assert "not JSON" in failed.last_error
    assert (failed.failing_days, failed.last_success) == (1, None)
    feed.default_fault = None
    await read(DAY, "2026-03-02 12:05")
    worked = await state("2026-03-02 12:06")
    assert (worked.last_error, worked.failing_days) == (None, 0)


async def test_an_empty_list_is_a_success_but_no_newer_day(read: Any, state: Any, feed: FeedServer) -> None:
    await read(DAY, "2026-03-02 12:00")
    now = await state("2026-03-02 12:01")
    assert now.last_success == utc("2026-03-02 12:00")
    assert now.newest_day is None
    assert not now.silent


@pytest.mark.parametrize(("now", "stale"), [("2026-03-06 12:00", False), ("2026-03-07 12:00", True)])
async def test_a_feed_is_stale_after_more_days_than_a_long_weekend(
    read: Any, state: Any, feed: FeedServer, now: str, stale: bool
) -> None:
    feed.days["2026-03-02"] = [feed_record()]
    await read(DAY, "2026-03-02 12:00")
    await read(date(2026, 3, 5), "2026-03-06 00:00" if not stale else "2026-03-07 00:00")
    assert (await state(now)).stale is stale


async def test_a_feed_is_silent_when_nothing_could_be_read_for_a_day(
    read: Any, state: Any, feed: FeedServer
) -> None:
    feed.days["2026-03-02"] = [feed_record()]
    await read(DAY, "2026-03-02 12:00")
    assert not (await state("2026-03-03 12:00")).silent
    assert (await state("2026-03-03 12:01")).silent


async def test_only_open_quarantined_records_are_counted_and_listed(
    read: Any, state: Any, feed: FeedServer, database: Database
) -> None:
    feed.days["2026-03-02"] = [feed_record(), feed_record("2603.00009", title=5), "text"]
    await read(DAY, "2026-03-02 12:00")
    assert (await state("2026-03-02 12:01")).quarantined == 2
    async with database.read_session() as session:
        assert len(await status.list_open_quarantine(session, "huggingface", limit=1)) == 1
        assert len(await status.list_open_quarantine(session, "huggingface", limit=9)) == 2
    feed.days["2026-03-02"] = [feed_record()]
    await read(DAY, "2026-03-02 13:00")
    assert (await state("2026-03-02 13:01")).quarantined == 0


async def test_the_latest_readings_come_first(read: Any, database: Database) -> None:
    for hour in (12, 13, 14):
        await read(DAY, f"2026-03-02 {hour}:00")
    async with database.read_session() as session:
        latest = await status.list_latest_readings(session, "huggingface", limit=2)
    assert [reading.at.hour for reading in latest] == [14, 13]


async def test_the_status_does_not_depend_on_other_feeds(
    read: Any, database: Database, feed: FeedServer
) -> None:
    feed.days["2026-03-02"] = [feed_record()]
    await read(DAY, "2026-03-02 12:00")
    async with database.read_session() as session:
        other = await status.load_feed_status(session, "other", now=utc("2026-03-02 12:00"))
    assert (other.last_success, other.newest_day, other.unsettled_days) == (None, None, 0)


@pytest.mark.parametrize(
    ("last_success", "newest_day", "failing_days", "summary"),
    [
        (None, None, 0, "Nothing has been read yet"),
        (None, None, 35, "Nothing has been read yet, and 35 days are failing"),
        ("2026-03-02 11:00", DAY, 0, "Everything is up to date"),
        ("2026-03-02 11:00", DAY, 1, "1 day is failing"),
        ("2026-02-20 11:00", DAY, 35, "The papers are stale, and 35 days are failing"),
        ("2026-02-20 11:00", DAY, 0, "The papers are stale"),
    ],
)
def test_the_summary_names_the_days_that_are_failing(
    last_success: str | None, newest_day: date | None, failing_days: int, summary: str
) -> None:
    feed = status.FeedStatus(
        name="huggingface",
        last_success=utc(last_success) if last_success else None,
        newest_day=newest_day,
        next_run=None,
        last_error=None,
        failing_days=failing_days,
        unsettled_days=failing_days,
        quarantined=0,
        now=utc("2026-03-02 12:00"),
    )
    assert status.describe_feeds([feed]) == summary
