"""What a reader does with papers, with a key: votes and submissions."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field

from paperround.database import WriteSession
from paperround.library import submissions
from paperround.library.tables import Submission, SubmissionState
from paperround.papers import votes
from paperround.web.api.schemas import RequestBody
from paperround.web.dependencies import Config, KeyReader, KeyWriter, Now, Read, Write
from paperround.web.params import PaperId, get_paper_or_404
from paperround.web.router import Router

MAX_SUBMISSIONS: Final = 50  # that are listed
MAX_ADDRESS_LENGTH: Final = 300

router = Router(prefix="/api/v1")


class VoteOut(BaseModel):
    paper: str = Field(examples=["2510.12345"])
    upvoted: bool = Field(description="By you.")
    upvotes: int = Field(description="On the feed and here.")


class SubmissionIn(RequestBody):
    model_config = ConfigDict(extra="forbid")

    paper: Annotated[
        str,
        Field(max_length=MAX_ADDRESS_LENGTH, description="An arXiv id or address.", examples=["2510.54321"]),
    ]


class SubmissionOut(BaseModel):
    paper: str
    state: SubmissionState = Field(description="`waiting` until arXiv was asked.")
    submitted_at: datetime
    error: str | None = Field(description="Why it could not be listed.")

    @classmethod
    def of(cls, row: Submission) -> Self:
        return cls(paper=row.paper_id, state=row.state, submitted_at=row.asked_at, error=row.error)


class SubmissionList(BaseModel):
    submissions: list[SubmissionOut] = Field(description="Your latest ones, the latest first.")


@router.put("/papers/{paper_id:path}/upvote", tags=["votes"], summary="Vote for a paper")
async def upvote(session: Write, reader: KeyWriter, settings: Config, now: Now, paper_id: PaperId) -> VoteOut:
    """Vote for a paper. Doing it again changes nothing."""
    paper = await get_paper_or_404(session, paper_id)
    await votes.add_upvote(session, reader.id, paper.id, now=now, half_life=settings.half_life)
    return await _describe_vote(session, paper.id, upvoted=True)


@router.delete("/papers/{paper_id:path}/upvote", tags=["votes"], summary="Take a vote back")
async def remove_upvote(session: Write, reader: KeyWriter, settings: Config, paper_id: PaperId) -> VoteOut:
    """Take your vote back. Doing it again changes nothing."""
    paper = await get_paper_or_404(session, paper_id)
    await votes.remove_upvote(session, reader.id, paper.id, half_life=settings.half_life)
    return await _describe_vote(session, paper.id, upvoted=False)


async def _describe_vote(session: WriteSession, paper_id: str, *, upvoted: bool) -> VoteOut:
    session.expire_all()
    paper = await get_paper_or_404(session, paper_id)
    return VoteOut(paper=paper.id, upvoted=upvoted, upvotes=paper.votes)


@router.get("/submissions", tags=["submissions"], summary="Papers that you submitted")
async def list_submissions(session: Read, reader: KeyReader) -> SubmissionList:
    rows = await submissions.list_submissions(session, reader.id, limit=MAX_SUBMISSIONS)
    return SubmissionList(submissions=[SubmissionOut.of(row) for row in rows])


@router.post("/submissions", status_code=202, tags=["submissions"], summary="Submit a paper by its arXiv id")
async def submit(session: Write, reader: KeyWriter, now: Now, wish: SubmissionIn) -> SubmissionOut:
    """Put a paper on today's list, once it was fetched from arXiv. At most five a day."""
    return SubmissionOut.of(await submissions.submit_paper(session, reader, wish.paper, now=now))
