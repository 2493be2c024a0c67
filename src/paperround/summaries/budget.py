"""The daily limit of papers, over all workers, and what each day (UTC) cost."""

from __future__ import annotations

from datetime import UTC, date, datetime

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from paperround.database import ReadSession, WriteSession
from paperround.summaries.tables import TextDay


def day_of(now: datetime) -> date:
    return now.astimezone(UTC).date()


async def take_place(session: WriteSession, limit: int, *, now: datetime) -> bool:
    """Take one of the day's places for a paper. Returns False where none is left."""
    day = day_of(now)
    await session.execute(insert(TextDay).values(day=day).on_conflict_do_nothing())
    taken = await session.scalar(
        update(TextDay)
        .where(TextDay.day == day, TextDay.papers < limit)
        .values(papers=TextDay.papers + 1)
        .returning(TextDay.papers)
    )
    return taken is not None


async def give_place_back(session: WriteSession, *, now: datetime) -> None:
    """Give back the place of a paper for which the server had no answer."""
    await session.execute(
        update(TextDay)
        .where(TextDay.day == day_of(now), TextDay.papers > 0)
        .values(papers=TextDay.papers - 1)
    )


async def add_costs(
    session: WriteSession, *, requests: int, tokens_read: int, tokens_written: int, now: datetime
) -> None:
    """Add what a paper cost to its day."""
    await session.execute(
        update(TextDay)
        .where(TextDay.day == day_of(now))
        .values(
            requests=TextDay.requests + requests,
            tokens_read=TextDay.tokens_read + tokens_read,
            tokens_written=TextDay.tokens_written + tokens_written,
        )
    )


async def load_day(session: ReadSession, *, now: datetime) -> TextDay:
    """Load what today has cost so far."""
    day = day_of(now)
    found = (await session.scalars(select(TextDay).where(TextDay.day == day))).one_or_none()
    return found or TextDay(day=day, papers=0, requests=0, tokens_read=0, tokens_written=0)
