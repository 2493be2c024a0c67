"""Days are read often at first, then daily, until they have settled."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from paperround.database import Database
from paperround.feeds import schedule
from paperround.feeds.tables import FeedDay

from support.factories import utc

DAY = date(2026, 3, 2)
HOUR = timedelta(hours=1)


def readings(start: datetime, *, unreadable: int = 0, every: timedelta = HOUR) -> list[datetime]:
    """The times at which a day is read if every reading happens on time and succeeds."""
    taken, times = FeedDay(feed="f", day=DAY, failures=0, repairs=0), [start]
    while len(times) < 5000:
        schedule.record_success(taken, now=times[-1], unreadable=unreadable, every=every)
        if taken.next_try_at is None:
            return times
        times.append(taken.next_try_at)
    raise AssertionError("never settles")


@pytest.mark.parametrize("unreadable", [0, 1])
def test_a_day_is_read_hourly_for_three_days_then_daily_for_eleven(unreadable: int) -> None:
    times = readings(utc("2026-03-02 00:00"), unreadable=unreadable)
    assert times[-1].date() == DAY + timedelta(days=14)
    regular = [moment for moment in times if moment >= utc("2026-03-02 06:00")]
    steps = [later - earlier for earlier, later in pairwise(regular)]
    assert set(steps) == {HOUR, timedelta(days=1)}
    assert sum(step == HOUR for step in steps) in range(60, 73)


@given(
    st.timedeltas(timedelta(0), timedelta(days=90)),
    st.timedeltas(timedelta(minutes=1), timedelta(days=1)),
)
def test_every_day_settles_with_a_reading_fourteen_days_after_it_or_later(
    late: timedelta, every: timedelta
) -> None:
    times = readings(utc("2026-03-02 00:00") + late, every=every)
    assert times[-1].date() >= DAY + timedelta(days=14)
    assert all(moment.date() < DAY + timedelta(days=14) for moment in times[:-1])


def test_a_settled_day_with_unreadable_records_is_read_five_more_times() -> None:
    times = readings(utc("2026-04-01 00:00"), unreadable=1)
    minutes = [(later - earlier) / timedelta(minutes=1) for earlier, later in pairwise(times)]
    assert minutes == [2, 4, 8, 16, 32]


def test_a_clean_reading_resets_the_count_of_extra_readings() -> None:
    taken = FeedDay(feed="f", day=DAY, failures=0, repairs=5)
    schedule.record_success(taken, now=utc("2026-03-02 12:00"), unreadable=0, every=HOUR)
    schedule.record_success(taken, now=utc("2026-03-02 13:00"), unreadable=1, every=HOUR)
    assert taken.next_try_at == utc("2026-03-02 13:02")


@given(st.integers(1, 10**6))
def test_the_retry_delay_doubles_up_to_an_hour(attempt: int) -> None:
    now, then = schedule.retry_delay(attempt), schedule.retry_delay(attempt + 1)
    assert now <= then <= min(2 * now, HOUR)


@pytest.mark.parametrize(
    ("wish", "due"),
    [(None, "12:00:30"), ("12:00:10", "12:00:30"), ("15:00:00", "15:00:00")],
)
def test_the_hosts_retry_time_counts_if_it_is_later(wish: str | None, due: str) -> None:
    taken = FeedDay(feed="f", day=DAY, failures=0, repairs=0)
    retry_at = utc(f"2026-03-02 {wish}") if wish else None
    schedule.record_failure(taken, now=utc("2026-03-02 12:00"), retry_at=retry_at)
    assert taken.next_try_at == utc(f"2026-03-02 {due}")


async def due_days(database: Database, now: str, **feed: str) -> list[date]:
    async with database.read_session() as session:
        return list(await schedule.list_due_days(session, "huggingface", now=utc(now)))


async def test_the_first_plan_starts_some_days_back_and_later_ones_leave_no_gap(database: Database) -> None:
    for now in ("2026-03-02 12:00", "2026-03-02 12:01", "2026-03-09 12:00"):
        async with database.write_session() as session:
            await schedule.plan_days(session, "huggingface", now=utc(now), catch_up=timedelta(days=2))
    expected = [date(2026, 3, 9) - timedelta(days=n) for n in range(10)]
    assert await due_days(database, "2026-03-09 12:00") == expected


async def test_a_plan_does_not_change_known_days(database: Database) -> None:
    async with database.write_session() as session:
        await schedule.make_days_due(session, "huggingface", [DAY], now=utc("2026-03-02 00:00"))
        taken = await schedule.claim_due_day(session, "huggingface", now=utc("2026-03-02 00:00"))
        taken.next_try_at = None
    async with database.write_session() as session:
        await schedule.plan_days(session, "huggingface", now=utc("2026-03-02 12:00"), catch_up=timedelta(0))
    assert await due_days(database, "2026-03-02 12:00") == []


async def test_a_plan_with_an_earlier_clock_adds_no_days(database: Database) -> None:
    for now in ("2026-03-09 12:00", "2026-03-02 12:00"):
        async with database.write_session() as session:
            await schedule.plan_days(session, "huggingface", now=utc(now), catch_up=timedelta(0))
    assert await due_days(database, "2026-03-09 12:00") == [date(2026, 3, 9)]


async def test_a_settled_day_that_is_requested_is_due_again(database: Database) -> None:
    async with database.write_session() as session:
        await schedule.make_days_due(session, "huggingface", [DAY, DAY], now=utc("2026-03-02 00:00"))
        taken = await session.scalar(select(FeedDay))
        taken.next_try_at, taken.failures, taken.repairs = None, 3, 9
    async with database.write_session() as session:
        await schedule.make_days_due(session, "huggingface", [DAY], now=utc("2026-05-02 00:00"))
    async with database.read_session() as session:
        taken = await session.scalar(select(FeedDay))
    assert (taken.next_try_at, taken.failures, taken.repairs) == (utc("2026-05-02 00:00"), 0, 0)


async def test_one_future_day_among_many_rejects_them_all(database: Database) -> None:
    async with database.write_session() as session:
        with pytest.raises(schedule.DayInFuture, match="2026-03-03"):
            await schedule.make_days_due(
                session, "huggingface", [DAY, date(2026, 3, 3)], now=utc("2026-03-02 23:59")
            )
    assert await due_days(database, "2026-03-09 12:00") == []


async def test_a_claimed_day_is_skipped_by_others_until_its_transaction_ends(database: Database) -> None:
    days = [DAY, DAY - timedelta(days=1)]
    async with database.write_session() as session:
        await schedule.make_days_due(session, "huggingface", days, now=utc("2026-03-02 12:00"))
    async with (
        database.write_session() as one,
        database.write_session() as two,
        database.write_session() as three,
    ):
        claimed = [
            await schedule.claim_due_day(session, "huggingface", now=utc("2026-03-02 12:00"))
            for session in (one, two, three)
        ]
    assert [taken and taken.day for taken in claimed] == [*days, None]


async def test_a_day_of_another_feed_or_before_its_time_is_not_claimed(database: Database) -> None:
    async with database.write_session() as session:
        await schedule.make_days_due(session, "huggingface", [DAY], now=utc("2026-03-02 12:00"))
        assert await schedule.claim_due_day(session, "other", now=utc("2026-03-02 12:00")) is None
        assert await schedule.claim_due_day(session, "huggingface", now=utc("2026-03-02 11:59")) is None
        assert (
            await schedule.claim_due_day(session, "huggingface", now=utc("2026-03-02 12:00"), only_days=[])
            is None
        )
