"""Where papers appeared: conferences and journals, as `text.venue` names them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, func, select

from paperround.database import ReadSession
from paperround.papers.tables import Paper


@dataclass(frozen=True)
class VenueTotals:
    """The number of papers of a venue and of their votes, and when the first of them was published."""

    papers: int
    votes: int
    first: datetime


async def has_venue(session: ReadSession, name: str) -> bool:
    """Tell whether any paper appeared there."""
    return bool(await session.scalar(select(exists().where(Paper.venue == name))))


async def count_venue(session: ReadSession, name: str) -> VenueTotals | None:
    """Count the papers of a venue. None where there is none."""
    query = select(
        func.count().label("papers"),
        func.coalesce(func.sum(Paper.votes), 0).label("votes"),
        func.min(Paper.published_at).label("first"),
    )
    row = (await session.execute(query.where(Paper.venue == name))).one()
    return VenueTotals(row.papers, row.votes, row.first) if row.papers else None
