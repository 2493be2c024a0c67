"""Taking in a feed's days: read the list, sort out what can be read, store it, set the rest aside."""

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
from paperround.feeds.http import FeedError, FeedUnreachable, FeedUnreadable
from paperround.feeds.quarantine import Refused, content_hash
from paperround.feeds.tables import FeedDay, Outcome, Reading, Record
from paperround.papers import catalogue
from paperround.papers.record import FeedPaper, Unreadable
from paperround.throttle import Pace

logger = structlog.get_logger(__name__)

LONGEST_ERROR: Final = 500
MOST_FAILURES: Final = 4  # in a row


class Feed(Protocol):
    """A source of papers. `records` raises `FeedError`, `read` raises `Unreadable`."""

    @property
    def name(self) -> str: ...

    pace: Pace

    async def records(self, day: date) -> list[object]: ...
    def read(self, record: object) -> FeedPaper: ...
    def guess_id(self, record: object) -> str | None: ...


@dataclass(frozen=True)
class Rules:
    """The settings that intake needs."""

    every: timedelta
    half_life: timedelta


class Readable(dict[str, tuple[FeedPaper, object]]):
    """Papers by id, each with the record that it was read from."""


async def read_due(
    database: Database,
    feed: Feed,
    rules: Rules,
    *,
    among: Collection[date] | None = None,
    told: Callable[[Reading], None] | None = None,
    clock: Callable[[], datetime] = utc_now,
) -> None:
    """Read the feed's due days, one after the other, until none is left or the host wants a pause.

    A host that fails four times in a row is left alone: the other days stay due until the next look.
    """
    failures = 0
    while failures < MOST_FAILURES and not await feed.pace.paused_until(now=clock()):
        reading = await read_next(database, feed, rules, among=among, clock=clock)
        if reading is None:
            return
        failures = failures + 1 if reading.outcome is Outcome.failed else 0
        if told:
            told(reading)


async def read_next(
    database: Database,
    feed: Feed,
    rules: Rules,
    *,
    among: Collection[date] | None = None,
    clock: Callable[[], datetime] = utc_now,
) -> Reading | None:
    """Read one day that is due, in one transaction; None when no day is due."""
    day: date | None = None
    try:
        async with database.writing() as session:
            taken = await schedule.claim(session, feed.name, now=clock(), among=among)
            if taken is None:
                return None
            day = taken.day
            return await _look(session, feed, taken, rules, clock)
    except Exception as error:
        if day is None:
            raise
        logger.exception("could not store a day; it will be tried again", feed=feed.name, day=str(day))
        return await _note_failure(database, feed.name, day, error, clock())


async def _look(
    session: WriteSession, feed: Feed, taken: FeedDay, rules: Rules, clock: Callable[[], datetime]
) -> Reading:
    try:
        records = await feed.records(taken.day)
        reading = await take_in(session, feed, taken.day, records, rules, now=clock())
    except FeedError as error:
        return _failed(session, taken, error, clock())
    schedule.read_well(taken, now=reading.at, unreadable=reading.quarantined, every=rules.every)
    logger.info("read", feed=feed.name, day=str(taken.day), outcome=reading.outcome, papers=reading.papers)
    return reading


async def take_in(
    session: WriteSession, feed: Feed, day: date, records: Sequence[object], rules: Rules, *, now: datetime
) -> Reading:
    """Put one day's list into the catalogue. Repeating it changes nothing but the record of readings.

    Raises `FeedUnreadable` when the list isn't empty and nothing of it can be read.
    """
    readable, refused = sort_out(feed, records)
    if records and not readable:
        raise FeedUnreadable(f"none of {len(records)} records can be read: {refused[0].reason}")
    await _store(session, feed.name, day, readable, rules, now=now)
    await quarantine.set_aside(session, refused, feed=feed.name, day=day, now=now)
    await quarantine.resolve(
        session, feed=feed.name, day=day, good=set(readable), all_good=bool(readable and not refused), now=now
    )
    outcome = Outcome.partial if refused else Outcome.clean if readable else Outcome.empty
    reading = Reading(
        feed=feed.name, day=day, at=now, outcome=outcome, papers=len(readable), quarantined=len(refused)
    )
    session.add(reading)
    return reading


def sort_out(feed: Feed, records: Iterable[object]) -> tuple[Readable, list[Refused]]:
    """A paper that stands on two pages, having moved between the requests, counts as it came last."""
    readable, refused = Readable(), []
    for record in records:
        try:
            paper = feed.read(record)
            readable[paper.id] = (paper, record)
        except Unreadable as error:
            refused.append(Refused(record, str(error), feed.guess_id(record)))
    return readable, refused


async def _store(
    session: WriteSession, feed: str, day: date, readable: Readable, rules: Rules, *, now: datetime
) -> None:
    if not readable:
        return
    if feed != catalogue.SAMPLE:
        await catalogue.remove_sample(session)
    papers = [paper for paper, _ in readable.values()]
    stored = await catalogue.store(
        session, papers, feed=feed, day=day, seen_at=now, half_life=rules.half_life
    )
    listed = Readable({key: readable[key] for key in stored.listed})
    await _keep_records(session, feed, day, listed, now)
    if stored.reworded:
        await queue.defer(session, "embed_papers", once="embed_papers")


async def _keep_records(
    session: WriteSession, feed: str, day: date, readable: Readable, now: datetime
) -> None:
    rows = [
        {
            "feed": feed,
            "day": day,
            "paper_id": paper.id,
            "content": record,
            "content_hash": content_hash(record),
            "read_at": now,
        }
        for paper, record in readable.values()
    ]
    if not rows:
        return
    new = insert(Record)
    told = {name: getattr(new.excluded, name) for name in ("content", "content_hash", "read_at")}
    changed = (Record.content_hash != new.excluded.content_hash) & (Record.read_at <= new.excluded.read_at)
    upsert = new.on_conflict_do_update(index_elements=["feed", "day", "paper_id"], set_=told, where=changed)
    await session.execute(upsert, rows)


def _failed(session: WriteSession, taken: FeedDay, error: Exception, now: datetime) -> Reading:
    retry_at = error.retry_at if isinstance(error, FeedUnreachable) else None
    schedule.read_badly(taken, now=now, retry_at=retry_at)
    text = str(error) if isinstance(error, FeedError) else f"could not be stored: {type(error).__name__}"
    text = text[:LONGEST_ERROR]
    reading = Reading(
        feed=taken.feed, day=taken.day, at=now, outcome=Outcome.failed, papers=0, quarantined=0, error=text
    )
    session.add(reading)
    logger.warning(
        "reading failed", feed=taken.feed, day=str(taken.day), error=text, next_try=str(taken.next_try_at)
    )
    return reading


async def _note_failure(database: Database, feed: str, day: date, error: Exception, now: datetime) -> Reading:
    """In a transaction of its own, since the reading's was rolled back whole."""
    async with database.writing() as session:
        taken = await session.get_one(FeedDay, (feed, day), with_for_update=True)
        return _failed(session, taken, error, now)
