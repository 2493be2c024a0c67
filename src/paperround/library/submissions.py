"""Readers submit a few papers a day to the day's list, by arXiv id or URL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import func, select

from paperround import queue
from paperround.accounts.tables import Reader
from paperround.database import ReadSession, WriteSession
from paperround.errors import PaperroundError
from paperround.i18n.formats import format_date
from paperround.i18n.messages import gettext as _
from paperround.i18n.messages import mark_message
from paperround.library.tables import Submission, SubmissionState
from paperround.papers import arxiv_id, removal
from paperround.papers.tables import FRESH_LISTING, Listing

MAX_SUBMISSIONS_PER_DAY: Final = 5
DAY: Final = timedelta(days=1)
MAX_PAPER_AGE: Final = timedelta(days=14)  # since it appeared on arXiv, as on the hub
LONGEST_MONTH: Final = timedelta(days=31)


class SubmissionRefused(PaperroundError):
    """A paper cannot be submitted. The message tells the reader why."""

    title = mark_message("Not submitted")
    status = 400


class PaperAlreadyListed(SubmissionRefused):
    """The submitted paper is already on a list."""

    def __init__(self, paper_id: str, day: date) -> None:
        super().__init__(
            _(
                "%(paper_id)s is already on the list of %(day)s. Vote for it instead.",
                paper_id=paper_id,
                day=format_date(day, "d MMM y"),
            )
        )
        self.paper_id = paper_id


class SubmissionLimitReached(SubmissionRefused):
    """The reader has submitted as many papers as they may within a day."""

    def __init__(self) -> None:
        super().__init__(
            _(
                "You have submitted %(number)s papers within a day. You can submit more tomorrow.",
                number=MAX_SUBMISSIONS_PER_DAY,
            )
        )


class PaperTooOld(SubmissionRefused):
    """The paper appeared too long ago for a list of new papers."""

    def __init__(self, paper_id: str) -> None:
        super().__init__(
            _(
                "%(paper_id)s appeared more than %(days)s days ago. The list is for new papers.",
                paper_id=paper_id,
                days=MAX_PAPER_AGE.days,
            )
        )


class PaperNotYetThere(SubmissionRefused):
    """The id names a month that has not come yet, or none."""

    def __init__(self, paper_id: str) -> None:
        super().__init__(_("%(paper_id)s can’t exist: no arXiv id has this month yet.", paper_id=paper_id))


def check_age(paper_id: str, published: date | None, *, today: date) -> None:
    """Raise `PaperTooOld` or `PaperNotYetThere`. Without a date of publication the id's month decides."""
    month = arxiv_id.first_day_of_month(paper_id)
    if not arxiv_id.names_a_month(paper_id) or month > today:
        raise PaperNotYetThere(paper_id)
    if today - (published or month + LONGEST_MONTH) > MAX_PAPER_AGE:
        raise PaperTooOld(paper_id)


async def submit_paper(session: WriteSession, reader: Reader, id_or_url: str, *, now: datetime) -> Submission:
    """Queue a paper to be fetched. One that the reader is already waiting for is not queued twice.

    Raises `SubmissionRefused`.
    """
    paper_id = arxiv_id.parse_id_or_url(id_or_url)
    if paper_id is None:
        raise SubmissionRefused(
            _("“%(value)s” is neither an arXiv id nor the address of a paper.", value=id_or_url.strip()[:60])
        )
    check_age(paper_id, None, today=now.date())
    # The lock keeps two concurrent requests of a reader from exceeding the limit.
    await session.execute(select(Reader.id).where(Reader.id == reader.id).with_for_update(key_share=True))
    pending = await session.scalar(
        select(Submission).where(
            Submission.reader_id == reader.id,
            Submission.paper_id == paper_id,
            Submission.state == SubmissionState.waiting,
        )
    )
    if pending:
        return pending
    await _check_allowed(session, reader.id, paper_id, now=now)
    submission = Submission(
        reader_id=reader.id,
        paper_id=paper_id,
        asked_at=now,
        state=SubmissionState.waiting,
        next_try_at=now,
    )
    session.add(submission)
    await session.flush()
    await queue.defer(session, "fetch_submissions", queueing_lock="fetch_submissions")
    return submission


async def _check_allowed(session: WriteSession, reader_id: int, paper_id: str, *, now: datetime) -> None:
    if await removal.is_removed(session, paper_id):
        raise SubmissionRefused(
            _("%(paper_id)s was removed by the operator of this site.", paper_id=paper_id)
        )
    listing_day = await find_listing_day(session, paper_id)
    if listing_day:
        raise PaperAlreadyListed(paper_id, listing_day)
    recent = select(func.count()).where(Submission.reader_id == reader_id, Submission.asked_at > now - DAY)
    if ((await session.scalar(recent)) or 0) >= MAX_SUBMISSIONS_PER_DAY:
        raise SubmissionLimitReached


async def find_listing_day(session: ReadSession, paper_id: str) -> date | None:
    """Find the latest day whose list has the paper."""
    return await session.scalar(
        select(func.max(Listing.day)).where(Listing.paper_id == paper_id, FRESH_LISTING)
    )


async def list_submissions(session: ReadSession, reader_id: int, *, limit: int) -> Sequence[Submission]:
    """List the reader's submissions, latest first."""
    query = select(Submission).where(Submission.reader_id == reader_id)
    return (await session.scalars(query.order_by(Submission.asked_at.desc()).limit(limit))).all()
