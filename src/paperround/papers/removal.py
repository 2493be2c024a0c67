"""Lets the operator remove a paper for good, so that no feed and no reader can add it again."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert

from paperround.database import ReadSession, WriteSession
from paperround.papers.catalogue import lock_catalogue
from paperround.papers.tables import Paper, RemovedPaper


async def remove_paper(session: WriteSession, paper_id: str, *, now: datetime) -> bool:
    """Delete a paper with everything that belongs to it, and block its id, even an unknown one.

    Returns whether the paper existed.
    """
    await lock_catalogue(session)
    block = insert(RemovedPaper).values(paper_id=paper_id, removed_at=now)
    await session.execute(block.on_conflict_do_nothing())
    deletion = delete(Paper).where(Paper.id == paper_id).returning(Paper.id)
    return await session.scalar(deletion) is not None


async def readmit_paper(session: WriteSession, paper_id: str) -> bool:
    """Allow feeds to add a removed paper again. Returns whether it had been removed."""
    deletion = delete(RemovedPaper).where(RemovedPaper.paper_id == paper_id)
    return await session.scalar(deletion.returning(RemovedPaper.paper_id)) is not None


async def count_removed(session: ReadSession) -> int:
    """Count the papers that the operator has removed."""
    return (await session.execute(select(func.count()).select_from(RemovedPaper))).scalar_one()


async def is_removed(session: ReadSession, paper_id: str) -> bool:
    """Tell whether the operator has removed a paper."""
    return await session.get(RemovedPaper, paper_id) is not None
