"""Fetching what readers submitted, one paper after the other, at the pace that arXiv asks for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, Protocol

import structlog
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from paperround import queue
from paperround.accounts.tables import Reader
from paperround.database import Database, WriteSession, utc_now
from paperround.feeds.http import FeedError
from paperround.library.submissions import listed_on
from paperround.library.tables import Submission, SubmissionState
from paperround.papers import catalogue, removal
from paperround.papers.merge import READERS
from paperround.papers.record import FeedListing, FeedPaper, Unreadable
from paperround.papers.submitter_name import account
from paperround.throttle import Pace

logger = structlog.get_logger(__name__)

FIRST_WAIT: Final = timedelta(minutes=1)  # doubled with each try
MOST_TRIES: Final = 6  # within an hour


class Source(Protocol):
    """arXiv, asked for single papers. `one` raises `FeedError` and `Unreadable`, and gives None for an id
    that is nobody's."""

    pace: Pace

    async def one(self, paper_id: str) -> FeedPaper | None: ...


async def fetch_due(
    database: Database, source: Source, *, half_life: timedelta, clock: Callable[[], datetime] = utc_now
) -> int:
    """Fetch every submission that is due, until none is left or arXiv wants a pause; how many were tried."""
    tried = 0
    while not await source.pace.paused_until(now=clock()):
        taken = await _claim(database, now=clock())
        if taken is None:
            break
        await _fetch(database, source, taken, half_life=half_life, clock=clock)
        tried += 1
    return tried


async def _claim(database: Database, *, now: datetime) -> Submission | None:
    """Take the one that waits longest. Should this worker die, it is tried again after the wait."""
    async with database.writing() as session:
        due = select(Submission).where(Submission.next_try_at <= now)
        first = due.order_by(Submission.next_try_at, Submission.id).limit(1)
        taken = await session.scalar(first.with_for_update(skip_locked=True))
        if taken is not None:
            taken.next_try_at = now + FIRST_WAIT * 2**taken.tries
            taken.tries += 1
        return taken


async def _fetch(
    database: Database,
    source: Source,
    taken: Submission,
    *,
    half_life: timedelta,
    clock: Callable[[], datetime],
) -> None:
    try:
        found = await source.one(taken.paper_id)
    except FeedError as error:
        logger.warning("could not fetch a submission", paper=taken.paper_id, error=str(error))
        if taken.tries >= MOST_TRIES:
            await _fail(database, taken.id, "arXiv could not be read. Submit it again later.")
        return
    except Unreadable as error:
        await _fail(database, taken.id, f"What arXiv told of it can't be read ({error}).")
        return
    if found is None:
        await _fail(database, taken.id, "arXiv has no such paper.")
        return
    async with database.writing() as session:
        await _list(session, taken.id, found, half_life=half_life, now=clock())


async def _fail(database: Database, submission_id: int, reason: str) -> None:
    async with database.writing() as session:
        submission = await session.get(Submission, submission_id)
        if submission is not None:  # else the reader has left
            _end(submission, SubmissionState.failed, reason)


async def _list(
    session: WriteSession, submission_id: int, found: FeedPaper, *, half_life: timedelta, now: datetime
) -> None:
    """Put it on today's list, unless a feed or another reader was quicker."""
    await catalogue.one_writer_at_a_time(session)
    submission = await session.get(Submission, submission_id, options=[joinedload(Submission.reader)])
    if submission is None:
        return
    if await removal.is_removed(session, found.id):
        _end(submission, SubmissionState.failed, "The operator of this site removed it.")
        return
    if await listed_on(session, found.id) is None:
        await _store(session, found, submission.reader, half_life=half_life, now=now)
    _end(submission, SubmissionState.listed)


async def _store(
    session: WriteSession, found: FeedPaper, reader: Reader, *, half_life: timedelta, now: datetime
) -> None:
    await catalogue.remove_sample(session)
    listing = FeedListing(submitted_at=now, submitter=account(reader.id, reader.name))
    stored = await catalogue.store(
        session,
        [found.model_copy(update={"listing": listing})],
        feed=READERS,
        day=now.date(),
        seen_at=now,
        half_life=half_life,
    )
    if stored.reworded:
        await queue.defer(session, "embed_papers", once="embed_papers")


def _end(submission: Submission, state: SubmissionState, error: str | None = None) -> None:
    submission.state, submission.error, submission.next_try_at = state, error, None
