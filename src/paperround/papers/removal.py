"""The operator takes a paper out, for good: no feed and no reader brings it back."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert

from paperround.database import ReadSession, WriteSession
from paperround.papers.catalogue import one_writer_at_a_time
from paperround.papers.tables import Paper, RemovedPaper


async def remove(session: WriteSession, paper_id: str, *, now: datetime) -> bool:
    """Delete it with all that hangs on it; whether it was there. One not yet there is kept away too."""
    await one_writer_at_a_time(session)
    away = insert(RemovedPaper).values(paper_id=paper_id, removed_at=now)
    await session.execute(away.on_conflict_do_nothing())
    gone = delete(Paper).where(Paper.id == paper_id).returning(Paper.id)
    return await session.scalar(gone) is not None


async def let_back(session: WriteSession, paper_id: str) -> bool:
    """A feed that has it may bring it again; whether it had been removed."""
    again = delete(RemovedPaper).where(RemovedPaper.paper_id == paper_id).returning(RemovedPaper.paper_id)
    return await session.scalar(again) is not None


async def is_removed(session: ReadSession, paper_id: str) -> bool:
    return await session.get(RemovedPaper, paper_id) is not None
