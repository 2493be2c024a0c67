"""Ingestion fetches the list of a day, parses its records, stores the papers and quarantines bad records."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, Protocol

import structlog
from sqlalchemy.dialects.postgresql import insert

from paperround import queue
from paperround.database import Database, WriteSession, utc_now
from paperround.feeds import quarantine, schedule
from paperround.feeds.fetched_list import FetchedList
from paperround.feeds.http import FeedError, FeedUnreachable, FeedUnreadable
from paperround.feeds.quarantine import RejectedRecord, hash_content
from paperround.feeds.tables import FeedDay, FeedRecord, Reading, ReadingOutcome
from paperround.papers import catalogue
from paperround.papers.record import FeedPaper, RecordUnreadable, require_possible_times
from paperround.throttle import Throttle

logger = structlog.get_logger(__name__)

MAX_ERROR_LENGTH: Final = 500  # characters
MAX_CONSECUTIVE_FAILURES: Final = 4


class FeedClient(Protocol):
    """A source of papers: a client that fetches the records of a day, and the parser of its records.

    `fetch_records` raises `FeedError`, `parse_record` raises `RecordUnreadable`. `guess_paper_id` names the
    paper of a record that cannot be read, if the record still has a valid id. `feeds/registry.py` lists all
    feeds.
    """

    @property
    def name(self) -> str: ...

    throttle: Throttle

    async def fetch_records(self, day: date) -> FetchedList: ...
    def parse_record(self, record: object) -> FeedPaper: ...
    def guess_paper_id(self, record: object) -> str | None: ...


@dataclass(frozen=True)
class IngestionPolicy:
    """The settings that ingestion needs."""

    reading_interval: timedelta
    half_life: timedelta


class ReadablePapers(dict[str, tuple[FeedPaper, object]]):
    """Papers by id, each with the record that it was parsed from."""


async def read_due_days(
    database: Database,
    feed: FeedClient,
    policy: IngestionPolicy,
    *,
    only_days: Collection[date] | None = None,
    on_reading: Callable[[Reading], None] | None = None,
    clock: Callable[[], datetime] = utc_now,
) -> None:
    """Read the feed's due days one after the other, until none is left or the host asks for a pause.

    `only_days` limits the reading to these days. `on_reading` is called after each reading. After four
    failures in a row the reading stops, and the other days stay due until the next run.
    """
    failures = 0
    while failures < MAX_CONSECUTIVE_FAILURES and not await feed.throttle.paused_until(now=clock()):
        reading = await read_next_day(database, feed, policy, only_days=only_days, clock=clock)
        if reading is None:
            return
        failures = failures + 1 if reading.outcome is ReadingOutcome.failed else 0
        if on_reading:
            on_reading(reading)


async def read_next_day(
    database: Database,
    feed: FeedClient,
    policy: IngestionPolicy,
    *,
    only_days: Collection[date] | None = None,
    clock: Callable[[], datetime] = utc_now,
) -> Reading | None:
    """Read one day that is due, in one transaction. Returns None when no day is due."""
    day: date | None = None
    try:
        async with database.write_session() as session:
            feed_day = await schedule.claim_due_day(session, feed.name, now=clock(), only_days=only_days)
            if feed_day is None:
                return None
            day = feed_day.day
            return await _read_day(session, feed, feed_day, policy, clock)
    except Exception as error:
        if day is None:
            raise
        logger.exception("could not store a day; it will be tried again", feed=feed.name, day=str(day))
        return await _record_storage_failure(database, feed.name, day, error, clock())


async def _read_day(
    session: WriteSession,
    feed: FeedClient,
    feed_day: FeedDay,
    policy: IngestionPolicy,
    clock: Callable[[], datetime],
) -> Reading:
    try:
        fetched = await feed.fetch_records(feed_day.day)
        reading = await ingest_day(session, feed, feed_day.day, fetched.records, policy, now=clock())
    except FeedError as error:
        return _record_failure(session, feed_day, error, clock())
    reading.error = fetched.late
    schedule.record_success(
        feed_day,
        now=reading.at,
        unreadable=reading.quarantined,
        late=fetched.late is not None,
        every=policy.reading_interval,
    )
    logger.info(
        "read",
        feed=feed.name,
        day=str(feed_day.day),
        outcome=reading.outcome,
        papers=reading.papers,
        late=fetched.late,
    )
    return reading


async def ingest_day(
    session: WriteSession,
    feed: FeedClient,
    day: date,
    records: Sequence[object],
    policy: IngestionPolicy,
    *,
    now: datetime,
) -> Reading:
    """Store one day's list in the catalogue. Ingesting the same list again only adds a reading.

    Raises `FeedUnreadable` when the list is not empty and none of its records can be read.
    """
    readable, rejected = parse_records(feed, records, now=now)
    if records and not readable:
        raise FeedUnreadable(f"none of {len(records)} records can be read: {rejected[0].reason}")
    await _store_papers(session, feed.name, day, readable, policy, now=now)
    await quarantine.quarantine_records(session, rejected, feed=feed.name, day=day, now=now)
    await quarantine.resolve_records(
        session,
        feed=feed.name,
        day=day,
        good=set(readable),
        all_good=bool(readable and not rejected),
        now=now,
    )
    outcome = (
        ReadingOutcome.partial if rejected else ReadingOutcome.clean if readable else ReadingOutcome.empty
    )
    reading = Reading(
        feed=feed.name, day=day, at=now, outcome=outcome, papers=len(readable), quarantined=len(rejected)
    )
    session.add(reading)
    return reading


def parse_records(
    feed: FeedClient, records: Iterable[object], *, now: datetime
) -> tuple[ReadablePapers, list[RejectedRecord]]:
    """Parse the records of a list into papers and rejected records.

    A paper may move between two requests and so appear on two pages. Its last record counts.
    """
    readable, rejected = ReadablePapers(), []
    for record in records:
        try:
            paper = feed.parse_record(record)
            require_possible_times(paper, now=now)
            readable[paper.id] = (paper, record)
        except RecordUnreadable as error:
            rejected.append(RejectedRecord(record, str(error), feed.guess_paper_id(record)))
    return readable, rejected


async def _store_papers(
    session: WriteSession,
    feed: str,
    day: date,
    readable: ReadablePapers,
    policy: IngestionPolicy,
    *,
    now: datetime,
) -> None:
    if not readable:
        return
    if feed != catalogue.SAMPLE_FEED:
        await catalogue.remove_sample(session)
    papers = [paper for paper, _ in readable.values()]
    stored = await catalogue.store_papers(
        session, papers, feed=feed, day=day, seen_at=now, half_life=policy.half_life
    )
    listed_papers = ReadablePapers({paper_id: readable[paper_id] for paper_id in stored.listed_ids})
    await _store_records(session, feed, day, listed_papers, now)
    if stored.changed_texts:
        await queue.defer(session, "embed_papers", queueing_lock="embed_papers")


async def _store_records(
    session: WriteSession, feed: str, day: date, readable: ReadablePapers, now: datetime
) -> None:
    rows = [
        {
            "feed": feed,
            "day": day,
            "paper_id": paper.id,
            "content": record,
            "content_hash": hash_content(record),
            "read_at": now,
        }
        for paper, record in readable.values()
    ]
    if not rows:
        return
    statement = insert(FeedRecord)
    values = {name: getattr(statement.excluded, name) for name in ("content", "content_hash", "read_at")}
    has_changed = (FeedRecord.content_hash != statement.excluded.content_hash) & (
        FeedRecord.read_at <= statement.excluded.read_at
    )
    upsert = statement.on_conflict_do_update(
        index_elements=["feed", "day", "paper_id"], set_=values, where=has_changed
    )
    await session.execute(upsert, rows)


def _record_failure(session: WriteSession, feed_day: FeedDay, error: Exception, now: datetime) -> Reading:
    retry_at = error.retry_at if isinstance(error, FeedUnreachable) else None
    schedule.record_failure(feed_day, now=now, retry_at=retry_at)
    message = str(error) if isinstance(error, FeedError) else f"could not be stored: {type(error).__name__}"
    message = message[:MAX_ERROR_LENGTH]
    reading = Reading(
        feed=feed_day.feed,
        day=feed_day.day,
        at=now,
        outcome=ReadingOutcome.failed,
        papers=0,
        quarantined=0,
        error=message,
    )
    session.add(reading)
    logger.warning(
        "reading failed",
        feed=feed_day.feed,
        day=str(feed_day.day),
        error=message,
        next_try=str(feed_day.next_try_at),
    )
    return reading


async def _record_storage_failure(
    database: Database, feed: str, day: date, error: Exception, now: datetime
) -> Reading:
    """Record the failure in a new transaction, since that of the reading was rolled back."""
    async with database.write_session() as session:
        feed_day = await session.get_one(FeedDay, (feed, day), with_for_update=True)
        return _record_failure(session, feed_day, error, now)
