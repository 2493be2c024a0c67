"""What `/status` says of a feed."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from paperround.feeds import ingestion, schedule, status
from paperround.feeds.http import Limits
from paperround.feeds.huggingface.feed import huggingface

from support.factories import at, item
from support.feed_server import html

RULES = ingestion.Rules(every=timedelta(hours=1), half_life=timedelta(hours=24))
DAY = date(2026, 3, 2)


@pytest.fixture
def read(database, settings):
    async def read(day: date, now: str) -> None:
        async with database.writing() as session:
            await schedule.ask_for(session, "huggingface", [day], now=at(now))
        async with huggingface(settings, database, Limits(tries=1)) as hub:
            await ingestion.read_next(database, hub, RULES, among=[day], clock=lambda: at(now))

    return read


@pytest.fixture
def state(database):
    async def state(now: str) -> status.FeedState:
        async with database.reading() as session:
            return await status.state(session, "huggingface", now=at(now))

    return state


async def test_of_a_feed_never_read_nothing_is_known_and_it_is_stale(state):
    now = await state("2026-03-02 12:00")
    assert (now.last_success, now.newest_day, now.next_run, now.last_error) == (None, None, None, None)
    assert (now.failing_days, now.unsettled_days, now.quarantined) == (0, 0, 0)
    assert now.stale
    assert now.silent
    assert now.age is None


async def test_a_good_reading_is_told(read, state, feed):
    feed.days["2026-03-02"] = [item()]
    await read(DAY, "2026-03-02 12:00")
    now = await state("2026-03-03 11:00")
    assert now.last_success == at("2026-03-02 12:00")
    assert now.next_run == at("2026-03-02 13:00")
    assert (now.newest_day, now.age, now.last_error) == (DAY, timedelta(days=1), None)
    assert not now.stale


async def test_the_last_error_is_told_until_a_reading_works(read, state, feed):
    feed.always = html
    await read(DAY, "2026-03-02 12:00")
    failed = await state("2026-03-02 12:01")
    assert "not JSON" in failed.last_error
    assert (failed.failing_days, failed.last_success) == (1, None)
    feed.always = None
    await read(DAY, "2026-03-02 12:05")
    worked = await state("2026-03-02 12:06")
    assert (worked.last_error, worked.failing_days) == (None, 0)


async def test_empty_lists_are_success_but_no_news(read, state, feed):
    await read(DAY, "2026-03-02 12:00")
    now = await state("2026-03-02 12:01")
    assert now.last_success == at("2026-03-02 12:00")
    assert now.newest_day is None
    assert not now.silent


@pytest.mark.parametrize(("now", "stale"), [("2026-03-06 12:00", False), ("2026-03-07 12:00", True)])
async def test_a_weekend_and_a_holiday_without_lists_are_not_stale_more_is(read, state, feed, now, stale):
    feed.days["2026-03-02"] = [item()]
    await read(DAY, "2026-03-02 12:00")
    await read(date(2026, 3, 5), "2026-03-06 00:00" if not stale else "2026-03-07 00:00")
    assert (await state(now)).stale is stale


async def test_a_feed_is_silent_when_nothing_could_be_read_for_a_day(read, state, feed):
    feed.days["2026-03-02"] = [item()]
    await read(DAY, "2026-03-02 12:00")
    assert not (await state("2026-03-03 12:00")).silent
    assert (await state("2026-03-03 12:01")).silent


async def test_open_records_are_counted_and_listed_resolved_ones_are_not(read, state, feed, database):
    feed.days["2026-03-02"] = [item(), item("2603.00009", title=5), "text"]
    await read(DAY, "2026-03-02 12:00")
    assert (await state("2026-03-02 12:01")).quarantined == 2
    async with database.reading() as session:
        assert len(await status.open_quarantine(session, "huggingface", limit=1)) == 1
        assert len(await status.open_quarantine(session, "huggingface", limit=9)) == 2
    feed.days["2026-03-02"] = [item()]
    await read(DAY, "2026-03-02 13:00")
    assert (await state("2026-03-02 13:01")).quarantined == 0


async def test_the_latest_readings_come_first(read, database):
    for hour in (12, 13, 14):
        await read(DAY, f"2026-03-02 {hour}:00")
    async with database.reading() as session:
        latest = await status.last_readings(session, "huggingface", limit=2)
    assert [reading.at.hour for reading in latest] == [14, 13]


async def test_another_feeds_state_is_its_own(read, database, feed):
    feed.days["2026-03-02"] = [item()]
    await read(DAY, "2026-03-02 12:00")
    async with database.reading() as session:
        other = await status.state(session, "other", now=at("2026-03-02 12:00"))
    assert (other.last_success, other.newest_day, other.unsettled_days) == (None, None, 0)
