"""Fetches the papers that readers submitted, one after the other, at the rate that arXiv allows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, Protocol

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from paperround import queue
from paperround.accounts.tables import Reader
from paperround.database import Database, ReadSession, WriteSession, utc_now
from paperround.feeds.http import FeedError
from paperround.i18n.messages import mark_message
from paperround.library.submissions import SubmissionRefused, check_age, find_listing_day
from paperround.library.tables import Submission, SubmissionState
from paperround.papers import catalogue, removal
from paperround.papers.merge import READERS_FEED
from paperround.papers.record import FeedListing, FeedPaper, RecordUnreadable
from paperround.papers.submitter_name import build_submitter_account
from paperround.throttle import Throttle

logger = structlog.get_logger(__name__)

FIRST_RETRY_DELAY: Final = timedelta(minutes=1)  # doubled after each attempt
MAX_ATTEMPTS: Final = 6  # within an hour


class PaperSource(Protocol):
    """A client that fetches single papers from arXiv.

    `fetch_paper` raises `FeedError` and `RecordUnreadable`, and returns None for an unknown id.
    """

    throttle: Throttle

    async def fetch_paper(self, paper_id: str) -> FeedPaper | None: ...


async def fetch_due_submissions(
    database: Database, source: PaperSource, *, half_life: timedelta, clock: Callable[[], datetime] = utc_now
) -> int:
    """Fetch the due submissions until none is left or arXiv asks for a pause. Returns how many it tried."""
    attempts = 0
    while not await source.throttle.paused_until(now=clock()):
        submission = await _claim(database, now=clock())
        if submission is None:
            break
        await _fetch(database, source, submission, half_life=half_life, clock=clock)
        attempts += 1
    return attempts


async def count_waiting(session: ReadSession) -> int:
    """Count the submissions that are still to be fetched."""
    query = select(func.count()).select_from(Submission).where(Submission.next_try_at.is_not(None))
    return (await session.execute(query)).scalar_one()


async def _claim(database: Database, *, now: datetime) -> Submission | None:
    """Claim the submission that has been due longest. If this worker dies, it becomes due again later."""
    async with database.write_session() as session:
        due = select(Submission).where(Submission.next_try_at <= now)
        query = due.order_by(Submission.next_try_at, Submission.id).limit(1)
        submission = await session.scalar(query.with_for_update(skip_locked=True))
        if submission is not None:
            submission.next_try_at = now + FIRST_RETRY_DELAY * 2**submission.tries
            submission.tries += 1
        return submission


async def _fetch(
    database: Database,
    source: PaperSource,
    submission: Submission,
    *,
    half_life: timedelta,
    clock: Callable[[], datetime],
) -> None:
    try:
        paper = await source.fetch_paper(submission.paper_id)
    except FeedError as error:
        logger.warning("could not fetch a submission", paper=submission.paper_id, error=str(error))
        if submission.tries >= MAX_ATTEMPTS:
            await _fail(
                database,
                submission.id,
                mark_message("arXiv could not be read. Try submitting it again later."),
            )
        return
    except RecordUnreadable as error:
        await _fail(database, submission.id, f"arXiv's record of it could not be read ({error}).")
        return
    if paper is None:
        await _fail(database, submission.id, mark_message("arXiv has no such paper."))
        return
    async with database.write_session() as session:
        await _list(session, submission.id, paper, half_life=half_life, now=clock())


async def _fail(database: Database, submission_id: int, reason: str) -> None:
    async with database.write_session() as session:
        submission = await session.get(Submission, submission_id)
        if submission is not None:  # None if the reader has left
            _end(submission, SubmissionState.failed, reason)


async def _list(
    session: WriteSession, submission_id: int, paper: FeedPaper, *, half_life: timedelta, now: datetime
) -> None:
    """Put the paper on today's list, unless a feed or another reader did so first."""
    await catalogue.lock_catalogue(session)
    submission = await session.get(Submission, submission_id, options=[joinedload(Submission.reader)])
    if submission is None:
        return
    if await removal.is_removed(session, paper.id):
        _end(submission, SubmissionState.failed, mark_message("It was removed by the operator of this site."))
        return
    try:
        published = paper.published_at.date() if paper.published_at else None
        check_age(paper.id, published, today=submission.asked_at.date())
    except SubmissionRefused as error:
        _end(submission, SubmissionState.failed, str(error))
        return
    if await find_listing_day(session, paper.id) is None:
        await _store(session, paper, submission.reader, half_life=half_life, now=now)
    _end(submission, SubmissionState.listed)


async def _store(
    session: WriteSession, paper: FeedPaper, reader: Reader, *, half_life: timedelta, now: datetime
) -> None:
    await catalogue.remove_sample(session)
    listing = FeedListing(submitted_at=now, submitter=build_submitter_account(reader.id, reader.name))
    stored = await catalogue.store_papers(
        session,
        [paper.model_copy(update={"listing": listing})],
        feed=READERS_FEED,
        day=now.date(),
        seen_at=now,
        half_life=half_life,
    )
    if stored.changed_texts:
        await queue.defer(session, "embed_papers", queueing_lock="embed_papers")


def _end(submission: Submission, state: SubmissionState, error: str | None = None) -> None:
    submission.state, submission.error, submission.next_try_at = state, error, None
