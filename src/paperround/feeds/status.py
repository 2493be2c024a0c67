"""The status of a feed, for `/status`, `/api/v1/feeds` and `paperround status`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import Text, any_, bindparam, func, or_, select
from sqlalchemy.dialects.postgresql import ARRAY, distinct_on

from paperround.database import ReadSession
from paperround.feeds.tables import FeedDay, QuarantinedRecord, Reading, ReadingOutcome
from paperround.i18n.messages import gettext as _
from paperround.i18n.messages import ngettext
from paperround.papers.tables import Listing
from paperround.reads import Asked, Read, RoundTrip, only

STALE_AFTER: Final = timedelta(days=4)  # a long weekend has no lists, but a longer gap is a problem
LATE_DAYS: Final = timedelta(days=2)  # for which a list may be late; later days are asked for otherwise
SILENT_AFTER: Final = timedelta(days=1)


@dataclass(frozen=True)
class FeedStatus:
    """The status of a feed at the time `now`.

    `newest_day` is the latest day with papers. `last_error` is the error of the latest reading, or None if it
    succeeded. `late` has the readings of the newest days whose lists are not complete yet.
    """

    name: str
    last_success: datetime | None
    newest_day: date | None
    next_run: datetime | None
    last_error: str | None
    failing_days: int
    unsettled_days: int
    quarantined: int
    now: datetime
    late: Sequence[Reading] = ()

    @property
    def age(self) -> timedelta | None:
        """The age of the newest list, in whole days."""
        return timedelta(days=(self.now.date() - self.newest_day).days) if self.newest_day else None

    @property
    def stale(self) -> bool:
        """Whether the newest list is too old or no list could be read for a day."""
        return self.age is None or self.age > STALE_AFTER or self.silent

    @property
    def silent(self) -> bool:
        """Whether no list could be read for a day."""
        return self.last_success is None or self.now - self.last_success > SILENT_AFTER

    @property
    def lag(self) -> timedelta:
        """How long the day that was due first has waited; zero if none is due."""
        return max(self.now - self.next_run, timedelta(0)) if self.next_run else timedelta(0)


def describe_feeds(feeds: Collection[FeedStatus]) -> str:
    """Say in a few words how reading goes, such as "The papers are stale, and 35 days are failing"."""
    failing = sum(feed.failing_days for feed in feeds)
    if not any(feed.last_success for feed in feeds):
        if not failing:
            return _("Nothing has been read yet")
        return ngettext(
            "Nothing has been read yet, and %(num)s day is failing",
            "Nothing has been read yet, and %(num)s days are failing",
            failing,
        )
    if any(feed.stale for feed in feeds):
        if not failing:
            return _("The papers are stale")
        return ngettext(
            "The papers are stale, and %(num)s day is failing",
            "The papers are stale, and %(num)s days are failing",
            failing,
        )
    if not failing:
        return _("Everything is up to date")
    return ngettext("%(num)s day is failing", "%(num)s days are failing", failing)


async def load_feed_status(session: ReadSession, feed: str, *, now: datetime) -> FeedStatus:
    """Load the status of a feed."""
    days = select(
        func.max(FeedDay.read_at),
        func.min(FeedDay.next_try_at),
        func.count().filter(FeedDay.failures > 0),
        func.count(FeedDay.next_try_at),
    ).where(FeedDay.feed == feed)
    last_success, next_run, failing, unsettled = (await session.execute(days)).one()
    newest = await session.scalar(select(func.max(Listing.day)).where(Listing.feed == feed))
    open_records = select(func.count()).where(
        QuarantinedRecord.feed == feed, QuarantinedRecord.resolved_at.is_(None)
    )
    return FeedStatus(
        name=feed,
        last_success=last_success,
        newest_day=newest,
        next_run=next_run,
        last_error=await _last_error(session, feed),
        failing_days=failing,
        unsettled_days=unsettled,
        quarantined=(await session.execute(open_records)).scalar_one(),
        late=await _list_late(session, feed, now=now),
        now=now,
    )


LAST_SUCCESS: Final[Read[datetime | None]] = Read(
    select(func.max(FeedDay.read_at)).where(FeedDay.feed == any_(bindparam("feeds", type_=ARRAY(Text)))),
    lambda read_at: read_at,
)


def ask_last_success(trip: RoundTrip, feeds: Collection[str]) -> Asked[datetime | None]:
    """Ask for the time of the last successful reading of any of these feeds."""
    return trip.ask(LAST_SUCCESS, {"feeds": list(feeds)}, only)


async def _last_error(session: ReadSession, feed: str) -> str | None:
    latest = (
        select(Reading).where(Reading.feed == feed).order_by(Reading.at.desc(), Reading.id.desc()).limit(1)
    )
    reading = (await session.scalars(latest)).one_or_none()
    return reading.error if reading and reading.outcome is ReadingOutcome.failed else None


async def _list_late(session: ReadSession, feed: str, *, now: datetime) -> Sequence[Reading]:
    """List the last readings of the days whose last reading found a list that is not complete yet."""
    first = now.date() - LATE_DAYS
    latest = select(Reading).where(Reading.feed == feed, Reading.day >= first).ext(distinct_on(Reading.day))
    latest = latest.order_by(Reading.day.desc(), Reading.at.desc(), Reading.id.desc())
    readings = (await session.scalars(latest)).all()
    return [one for one in readings if one.error and one.outcome is not ReadingOutcome.failed]


async def list_latest_readings(session: ReadSession, feed: str, *, limit: int) -> Sequence[Reading]:
    """List the latest readings of the feed, newest first."""
    latest = select(Reading).where(Reading.feed == feed).order_by(Reading.at.desc(), Reading.id.desc())
    return (await session.scalars(latest.limit(limit))).all()


async def list_open_quarantine(session: ReadSession, feed: str, *, limit: int) -> Sequence[QuarantinedRecord]:
    """List the records of the feed that are not resolved, newest first."""
    query = select(QuarantinedRecord).where(
        QuarantinedRecord.feed == feed, QuarantinedRecord.resolved_at.is_(None)
    )
    return (await session.scalars(query.order_by(QuarantinedRecord.last_seen_at.desc()).limit(limit))).all()


async def list_days_unread_since(
    session: ReadSession, feed: str, days: Collection[date], since: datetime
) -> Sequence[date]:
    """List those of `days` that have not been read successfully since the time `since`."""
    query = select(FeedDay.day).where(
        FeedDay.feed == feed,
        FeedDay.day.in_(days),
        or_(FeedDay.read_at.is_(None), FeedDay.read_at < since),
    )
    return (await session.scalars(query.order_by(FeedDay.day))).all()
