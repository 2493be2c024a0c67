"""Recomputes the stored heats when the half-life changes. heat.py has the formula."""

from __future__ import annotations

from datetime import date, timedelta

import structlog
from sqlalchemy import Select, select, update
from sqlalchemy.dialects.postgresql import insert

from paperround.database import WriteSession
from paperround.papers.catalogue import lock_catalogue
from paperround.papers.tables import Paper, TrendingState
from paperround.papers.votes import compute_heats

logger = structlog.get_logger(__name__)
BATCH_SIZE = 1000


async def adopt_half_life(session: WriteSession, half_life: timedelta) -> int:
    """Recompute all heats if they were stored with another half-life. Returns how many were recomputed.

    This is one transaction, so that no reader sees a list that is ranked by two half-lives.
    """
    await lock_catalogue(session)
    hours = half_life / timedelta(hours=1)
    stored = await session.scalar(select(TrendingState.half_life_hours))
    if stored == hours:
        return 0
    statement = insert(TrendingState).values(id=1, half_life_hours=hours)
    await session.execute(
        statement.on_conflict_do_update(index_elements=["id"], set_={"half_life_hours": hours})
    )
    return await _recompute(session, half_life)


async def _recompute(session: WriteSession, half_life: timedelta) -> int:
    count = 0
    last_id = ""
    while batch := (await session.execute(_select_batch(last_id))).all():
        heats = await compute_heats(session, {row.id: row.listed_on for row in batch}, half_life=half_life)
        await session.execute(
            update(Paper), [{"id": paper_id, "heat": heat} for paper_id, heat in heats.items()]
        )
        count += len(batch)
        last_id = batch[-1].id
    logger.info("recomputed heat", papers=count, half_life_hours=half_life / timedelta(hours=1))
    return count


def _select_batch(last_id: str) -> Select[str, date]:
    """Select and lock the next papers, so that no vote is added between reading votes and writing heat."""
    query = select(Paper.id, Paper.listed_on).where(Paper.id > last_id).order_by(Paper.id).limit(BATCH_SIZE)
    return query.with_for_update(key_share=True)
