"""Readers bring papers to the day's list: by arXiv id or address, a few a day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import func, select

from paperround import queue
from paperround.accounts.tables import Reader
from paperround.database import ReadSession, WriteSession
from paperround.library.tables import Submission, SubmissionState
from paperround.papers import arxiv_id, removal
from paperround.papers.tables import FRESH_LISTING, Listing

MOST_A_DAY: Final = 5
DAY: Final = timedelta(days=1)


class CannotSubmit(ValueError):
    """CannotSubmit ── AlreadyListed · TooManySubmissions. The text says why, to the reader."""


class AlreadyListed(CannotSubmit):
    def __init__(self, paper_id: str, day: date) -> None:
        super().__init__(f"{paper_id} is on a list already, that of {day}. Vote for it instead.")
        self.paper_id = paper_id


class TooManySubmissions(CannotSubmit):
    def __init__(self) -> None:
        super().__init__(f"You have submitted {MOST_A_DAY} papers within a day. Submit more tomorrow.")


async def submit(session: WriteSession, reader: Reader, given: str, *, now: datetime) -> Submission:
    """Note the paper and have it fetched; one that the reader waits for already is not asked for twice.

    Raises `CannotSubmit`.
    """
    paper_id = arxiv_id.named(given)
    if paper_id is None:
        raise CannotSubmit(f"“{given.strip()[:60]}” is no arXiv id and no address of a paper.")
    # One at a time for a reader, so that two at once can't pass the bound.
    await session.execute(select(Reader.id).where(Reader.id == reader.id).with_for_update(key_share=True))
    waiting = await session.scalar(
        select(Submission).where(
            Submission.reader_id == reader.id,
            Submission.paper_id == paper_id,
            Submission.state == SubmissionState.waiting,
        )
    )
    if waiting:
        return waiting
    await _require_room(session, reader.id, paper_id, now=now)
    new = Submission(
        reader_id=reader.id,
        paper_id=paper_id,
        asked_at=now,
        state=SubmissionState.waiting,
        next_try_at=now,
    )
    session.add(new)
    await session.flush()
    await queue.defer(session, "fetch_submissions", once="fetch_submissions")
    return new


async def _require_room(session: WriteSession, reader_id: int, paper_id: str, *, now: datetime) -> None:
    if await removal.is_removed(session, paper_id):
        raise CannotSubmit(f"{paper_id} was removed by the operator of this site.")
    listed = await listed_on(session, paper_id)
    if listed:
        raise AlreadyListed(paper_id, listed)
    recent = select(func.count()).where(Submission.reader_id == reader_id, Submission.asked_at > now - DAY)
    if ((await session.scalar(recent)) or 0) >= MOST_A_DAY:
        raise TooManySubmissions


async def listed_on(session: ReadSession, paper_id: str) -> date | None:
    """The latest day that has it on its list."""
    return await session.scalar(
        select(func.max(Listing.day)).where(Listing.paper_id == paper_id, FRESH_LISTING)
    )


async def submissions(session: ReadSession, reader_id: int, *, limit: int) -> Sequence[Submission]:
    """The reader's own, the latest first."""
    query = select(Submission).where(Submission.reader_id == reader_id)
    return (await session.scalars(query.order_by(Submission.asked_at.desc()).limit(limit))).all()
