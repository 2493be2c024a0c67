"""How a feed's reading goes: for `/status`, `/api/v1/feeds` and `paperround status`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import func, or_, select

from paperround.database import ReadSession
from paperround.feeds.tables import FeedDay, Outcome, Quarantined, Reading
from paperround.papers.tables import Listing

STALE_AFTER: Final = timedelta(days=4)  # a weekend and a holiday have no lists; more is worth a word
SILENT_AFTER: Final = timedelta(days=1)


@dataclass(frozen=True)
class FeedState:
    """`newest_day` has papers. `last_error` is the latest reading's, None when that one worked."""

    name: str
    last_success: datetime | None
    newest_day: date | None
    next_run: datetime | None
    last_error: str | None
    failing_days: int
    unsettled_days: int
    quarantined: int
    now: datetime

    @property
    def age(self) -> timedelta | None:
        """Of the newest list, in whole days."""
        return timedelta(days=(self.now.date() - self.newest_day).days) if self.newest_day else None

    @property
    def stale(self) -> bool:
        return self.age is None or self.age > STALE_AFTER or self.silent

    @property
    def silent(self) -> bool:
        """Nothing could be read for a day, though days were due."""
        return self.last_success is None or self.now - self.last_success > SILENT_AFTER


async def state(session: ReadSession, feed: str, *, now: datetime) -> FeedState:
    days = select(
        func.max(FeedDay.read_at),
        func.min(FeedDay.next_try_at),
        func.count().filter(FeedDay.failures > 0),
        func.count(FeedDay.next_try_at),
    ).where(FeedDay.feed == feed)
    last_success, next_run, failing, unsettled = (await session.execute(days)).one()
    newest = await session.scalar(select(func.max(Listing.day)).where(Listing.feed == feed))
    open_records = select(func.count()).where(Quarantined.feed == feed, Quarantined.resolved_at.is_(None))
    return FeedState(
        name=feed,
        last_success=last_success,
        newest_day=newest,
        next_run=next_run,
        last_error=await _last_error(session, feed),
        failing_days=failing,
        unsettled_days=unsettled,
        quarantined=(await session.execute(open_records)).scalar_one(),
        now=now,
    )


async def last_read(session: ReadSession, feeds: Collection[str]) -> datetime | None:
    """When any list of `feeds` was last read well."""
    return await session.scalar(select(func.max(FeedDay.read_at)).where(FeedDay.feed.in_(feeds)))


async def _last_error(session: ReadSession, feed: str) -> str | None:
    latest = (
        select(Reading).where(Reading.feed == feed).order_by(Reading.at.desc(), Reading.id.desc()).limit(1)
    )
    reading = (await session.scalars(latest)).one_or_none()
    return reading.error if reading and reading.outcome is Outcome.failed else None


async def last_readings(session: ReadSession, feed: str, *, limit: int) -> Sequence[Reading]:
    """The latest looks at the feed, newest first."""
    latest = select(Reading).where(Reading.feed == feed).order_by(Reading.at.desc(), Reading.id.desc())
    return (await session.scalars(latest.limit(limit))).all()


async def open_quarantine(session: ReadSession, feed: str, *, limit: int) -> Sequence[Quarantined]:
    """Records that still wait for a good reading, newest first."""
    query = select(Quarantined).where(Quarantined.feed == feed, Quarantined.resolved_at.is_(None))
    return (await session.scalars(query.order_by(Quarantined.last_seen_at.desc()).limit(limit))).all()


async def unread_since(
    session: ReadSession, feed: str, days: Collection[date], since: datetime
) -> Sequence[date]:
    """Those of `days` that nobody has read well since then."""
    query = select(FeedDay.day).where(
        FeedDay.feed == feed,
        FeedDay.day.in_(days),
        or_(FeedDay.read_at.is_(None), FeedDay.read_at < since),
    )
    return (await session.scalars(query.order_by(FeedDay.day))).all()
