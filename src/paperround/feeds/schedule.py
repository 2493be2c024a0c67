"""When a feed's days are read: due, settled, tried again. The times stand in `feed_days`; the rules here."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from paperround.database import ReadSession, WriteSession
from paperround.feeds.tables import Feed, FeedDay

YOUNG: Final = timedelta(days=3)  # a list grows for hours, votes for days: read often until then
SETTLED: Final = timedelta(days=14)  # read for the last time, cleanly, this long after its day
MOST_REPAIRS: Final = 5  # extra readings for the sake of unreadable records
FIRST_RETRY: Final = timedelta(seconds=30)
LAST_RETRY: Final = timedelta(hours=1)


class FutureDay(ValueError):
    """A day that has not come yet was asked for."""


def back_off(attempt: int) -> timedelta:
    """How long to wait after the `attempt`th failure in a row: 30 s, 1, 2, 4 … minutes, at most an hour."""
    doublings: int = min(max(attempt, 1) - 1, 20)
    return min(FIRST_RETRY * (1 << doublings), LAST_RETRY)


def next_reading(day: date, *, now: datetime, every: timedelta) -> datetime | None:
    """When a day that was just read well is read again; None when it has settled."""
    age = timedelta(days=(now.date() - day).days)
    if age >= SETTLED:
        return None
    return now + (every if age < YOUNG else max(every, timedelta(days=1)))


async def plan(session: WriteSession, feed: str, *, now: datetime, catch_up: timedelta) -> None:
    """Make every day due that the feed has had since we follow it, however long we were away."""
    new = insert(Feed).values(name=feed, follows_from=now.date() - catch_up)
    await session.execute(new.on_conflict_do_nothing())
    first = (await session.execute(select(Feed.follows_from).where(Feed.name == feed))).scalar_one()
    known = set(await session.scalars(select(FeedDay.day).where(FeedDay.feed == feed, FeedDay.day >= first)))
    every = (first + timedelta(days=n) for n in range((now.date() - first).days + 1))
    await _make_due(session, feed, [day for day in every if day not in known], now=now)


async def _make_due(session: WriteSession, feed: str, days: Sequence[date], *, now: datetime) -> None:
    if days:
        rows = [{"feed": feed, "day": day, "next_try_at": now, "failures": 0, "repairs": 0} for day in days]
        await session.execute(insert(FeedDay).on_conflict_do_nothing(), rows)


async def ask_for(session: WriteSession, feed: str, days: Iterable[date], *, now: datetime) -> None:
    """Make these days due now, settled or not. Raises `FutureDay`."""
    wanted = sorted(set(days))
    if wanted and wanted[-1] > now.date():
        raise FutureDay(f"{wanted[-1]} has not come yet (today is {now:%Y-%m-%d} in UTC).")
    await _make_due(session, feed, wanted, now=now)
    asked = (FeedDay.feed == feed, FeedDay.day.in_(wanted))
    await session.execute(update(FeedDay).where(*asked).values(next_try_at=now, failures=0, repairs=0))


async def claim(
    session: WriteSession, feed: str, *, now: datetime, among: Collection[date] | None = None
) -> FeedDay | None:
    """A day that is due, newest first, held by this transaction alone: another reader skips it, and the
    database lets go of it when this one dies."""
    due = select(FeedDay).where(FeedDay.feed == feed, FeedDay.next_try_at <= now)
    if among is not None:
        due = due.where(FeedDay.day.in_(among))
    return await session.scalar(due.order_by(FeedDay.day.desc()).limit(1).with_for_update(skip_locked=True))


async def until_free(session: WriteSession, feed: str, days: Collection[date]) -> None:
    """Wait until nobody reads any of these days."""
    held = select(FeedDay.day).where(FeedDay.feed == feed, FeedDay.day.in_(days)).order_by(FeedDay.day)
    await session.execute(held.with_for_update(read=True, key_share=True))


async def next_due(session: ReadSession, feed: str, among: Collection[date] | None = None) -> datetime | None:
    """When the next day of the feed (or of some of its days) is due."""
    query = select(func.min(FeedDay.next_try_at)).where(FeedDay.feed == feed)
    if among is not None:
        query = query.where(FeedDay.day.in_(among))
    return (await session.execute(query)).scalar()


async def due(session: ReadSession, feed: str, *, now: datetime) -> Sequence[date]:
    """The days that are due, newest first."""
    query = select(FeedDay.day).where(FeedDay.feed == feed, FeedDay.next_try_at <= now)
    return (await session.scalars(query.order_by(FeedDay.day.desc()))).all()


def read_well(taken: FeedDay, *, now: datetime, unreadable: int, every: timedelta) -> None:
    """Note a reading that worked. With unreadable records the day is read again up to five times; a record
    that stays unreadable after that no longer keeps the day from settling."""
    taken.read_at = now
    taken.failures = 0
    taken.repairs = taken.repairs + 1 if unreadable else 0
    regular = next_reading(taken.day, now=now, every=every)
    if 1 <= taken.repairs <= MOST_REPAIRS:
        repair = now + 4 * back_off(taken.repairs)
        regular = min(repair, regular) if regular else repair
    taken.next_try_at = regular


def read_badly(taken: FeedDay, *, now: datetime, retry_at: datetime | None) -> None:
    """Note a reading that failed; the feed's own wish for a pause counts if it is longer than ours."""
    taken.failures += 1
    ours = now + back_off(taken.failures)
    taken.next_try_at = max(ours, retry_at) if retry_at else ours
