"""What to do with the stored heats when the half-life changes."""

from __future__ import annotations

from datetime import date, timedelta

import structlog
from sqlalchemy import Select, select, update
from sqlalchemy.dialects.postgresql import insert

from paperround.database import WriteSession
from paperround.papers.catalogue import one_writer_at_a_time
from paperround.papers.tables import Paper, TrendingState
from paperround.papers.votes import heats

logger = structlog.get_logger(__name__)
BATCH = 1000


async def adopt_half_life(session: WriteSession, half_life: timedelta) -> int:
    """Recompute every heat when the half-life is not the one they were computed with; how many.

    In one transaction, so that no reader sees a list ranked by two half-lives.
    """
    await one_writer_at_a_time(session)
    hours = half_life / timedelta(hours=1)
    stored = await session.scalar(select(TrendingState.half_life_hours))
    if stored == hours:
        return 0
    new = insert(TrendingState).values(id=1, half_life_hours=hours)
    await session.execute(new.on_conflict_do_update(index_elements=["id"], set_={"half_life_hours": hours}))
    return await _recompute(session, half_life)


async def _recompute(session: WriteSession, half_life: timedelta) -> int:
    done = 0
    last = ""
    while batch := (await session.execute(_after(last))).all():
        computed = await heats(session, dict(batch), half_life=half_life)
        await session.execute(update(Paper), [{"id": key, "heat": new} for key, new in computed.items()])
        done += len(batch)
        last = batch[-1][0]
    logger.info("recomputed heat", papers=done, half_life_hours=half_life / timedelta(hours=1))
    return done


def _after(paper_id: str) -> Select[str, date]:
    """Locked, so that no vote comes between reading the votes and writing their heat."""
    query = select(Paper.id, Paper.listed_on).where(Paper.id > paper_id).order_by(Paper.id).limit(BATCH)
    return query.with_for_update(key_share=True)
