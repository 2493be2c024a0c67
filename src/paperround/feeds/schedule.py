"""The schedule decides when the days of a feed are read, retried and settled. `feed_days` has the times."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from paperround.database import ReadSession, WriteSession
from paperround.errors import PaperroundError
from paperround.feeds.tables import Feed, FeedDay

YOUNG_AGE: Final = timedelta(days=3)  # until then a day is read often, since its votes still change
SETTLED_AGE: Final = timedelta(days=14)  # the first clean reading after this age is the last one
MAX_REPAIRS: Final = 5  # extra readings of a day that has unreadable records
MIN_RETRY_DELAY: Final = timedelta(seconds=30)
MAX_RETRY_DELAY: Final = timedelta(hours=1)


class DayInFuture(PaperroundError):
    """The requested day has not come yet."""

    title = "Not a day yet"
    status = 400


def retry_delay(attempt: int) -> timedelta:
    """The delay after the `attempt`th failure in a row: 30 s, then 1, 2, 4 … minutes, at most an hour."""
    doublings: int = min(max(attempt, 1) - 1, 20)
    return min(MIN_RETRY_DELAY * (1 << doublings), MAX_RETRY_DELAY)


def next_reading_time(day: date, *, now: datetime, every: timedelta) -> datetime | None:
    """The time at which a day that was just read without an error is read again.

    None means that it settled.
    """
    age = timedelta(days=(now.date() - day).days)
    if age >= SETTLED_AGE:
        return None
    return now + (every if age < YOUNG_AGE else max(every, timedelta(days=1)))


async def plan_days(session: WriteSession, feed: str, *, now: datetime, catch_up: timedelta) -> None:
    """Add each missing day, from the first day that we follow to today, as due. Known days do not change.

    For a feed that is new, the first day lies `catch_up` before today.
    """
    statement = insert(Feed).values(name=feed, follows_from=now.date() - catch_up)
    await session.execute(statement.on_conflict_do_nothing())
    first = (await session.execute(select(Feed.follows_from).where(Feed.name == feed))).scalar_one()
    known = set(await session.scalars(select(FeedDay.day).where(FeedDay.feed == feed, FeedDay.day >= first)))
    all_days = (first + timedelta(days=n) for n in range((now.date() - first).days + 1))
    await _add_days(session, feed, [day for day in all_days if day not in known], now=now)


async def _add_days(session: WriteSession, feed: str, days: Sequence[date], *, now: datetime) -> None:
    if days:
        rows = [{"feed": feed, "day": day, "next_try_at": now, "failures": 0, "repairs": 0} for day in days]
        await session.execute(insert(FeedDay).on_conflict_do_nothing(), rows)


async def make_days_due(session: WriteSession, feed: str, days: Iterable[date], *, now: datetime) -> None:
    """Make these days due now, even those that have settled. Raises `DayInFuture`."""
    days = sorted(set(days))
    if days and days[-1] > now.date():
        raise DayInFuture(f"{days[-1]} has not come yet (today is {now:%Y-%m-%d} in UTC).")
    await _add_days(session, feed, days, now=now)
    conditions = (FeedDay.feed == feed, FeedDay.day.in_(days))
    await session.execute(update(FeedDay).where(*conditions).values(next_try_at=now, failures=0, repairs=0))


async def claim_due_day(
    session: WriteSession, feed: str, *, now: datetime, only_days: Collection[date] | None = None
) -> FeedDay | None:
    """Claim the newest day that is due, or return None.

    This transaction holds a lock on the day. Other workers skip it, and the database releases it when this
    worker dies.
    """
    due = select(FeedDay).where(FeedDay.feed == feed, FeedDay.next_try_at <= now)
    if only_days is not None:
        due = due.where(FeedDay.day.in_(only_days))
    return await session.scalar(due.order_by(FeedDay.day.desc()).limit(1).with_for_update(skip_locked=True))


async def wait_until_unclaimed(session: WriteSession, feed: str, days: Collection[date]) -> None:
    """Wait until no transaction holds any of these days."""
    query = select(FeedDay.day).where(FeedDay.feed == feed, FeedDay.day.in_(days)).order_by(FeedDay.day)
    await session.execute(query.with_for_update(read=True, key_share=True))


async def find_next_due_time(
    session: ReadSession, feed: str, only_days: Collection[date] | None = None
) -> datetime | None:
    """Find the time at which the next day of the feed, or of `only_days`, is due.

    None means that none will be.
    """
    query = select(func.min(FeedDay.next_try_at)).where(FeedDay.feed == feed)
    if only_days is not None:
        query = query.where(FeedDay.day.in_(only_days))
    return (await session.execute(query)).scalar()


async def list_due_days(session: ReadSession, feed: str, *, now: datetime) -> Sequence[date]:
    """List the days that are due, newest first."""
    query = select(FeedDay.day).where(FeedDay.feed == feed, FeedDay.next_try_at <= now)
    return (await session.scalars(query.order_by(FeedDay.day.desc()))).all()


def record_success(
    feed_day: FeedDay, *, now: datetime, unreadable: int, every: timedelta, late: bool = False
) -> None:
    """Record a reading that succeeded.

    A day with unreadable records is read again up to five times. After that it settles even if a record is
    still unreadable. A day whose list is late is read again soon, and doesn't settle.
    """
    feed_day.read_at = now
    feed_day.failures = 0
    feed_day.repairs = feed_day.repairs + 1 if unreadable or late else 0
    next_try_at = next_reading_time(feed_day.day, now=now, every=every)
    if late or 1 <= feed_day.repairs <= MAX_REPAIRS:
        repair_at = now + min(4 * retry_delay(feed_day.repairs), max(every, MAX_RETRY_DELAY))
        next_try_at = min(repair_at, next_try_at) if next_try_at else repair_at
    feed_day.next_try_at = next_try_at


def record_failure(feed_day: FeedDay, *, now: datetime, retry_at: datetime | None) -> None:
    """Record a reading that failed. The next try is after our own delay and not before `retry_at`."""
    feed_day.failures += 1
    next_try_at = now + retry_delay(feed_day.failures)
    feed_day.next_try_at = max(next_try_at, retry_at) if retry_at else next_try_at
