"""The daily limit of papers, over all workers, and what each day (UTC) cost."""

from __future__ import annotations

from datetime import UTC, date, datetime

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from paperround.database import ReadSession, WriteSession
from paperround.summaries.tables import TextDay


def day_of(now: datetime) -> date:
    return now.astimezone(UTC).date()


async def take_place(
    session: WriteSession, limit: int, *, now: datetime, is_explanation: bool = False
) -> bool:
    """Take one of the day's places for a paper. Returns False where none is left.

    Explanations of matches get every other place at most, so that papers which come later in the day have
    theirs.
    """
    day = day_of(now)
    await session.execute(insert(TextDay).values(day=day).on_conflict_do_nothing())
    has_room = TextDay.papers < limit
    if is_explanation:
        has_room &= TextDay.explanations < limit_explanations(limit)
    taken = await session.scalar(
        update(TextDay)
        .where(TextDay.day == day, has_room)
        .values(papers=TextDay.papers + 1, explanations=TextDay.explanations + int(is_explanation))
        .returning(TextDay.papers)
    )
    return taken is not None


def limit_explanations(limit: int) -> int:
    """Return how many of a day's places explanations can have."""
    return max(limit // 2, 1)


async def give_place_back(session: WriteSession, *, now: datetime, is_explanation: bool = False) -> None:
    """Give back the place of a paper for which the server had no answer."""
    await session.execute(
        update(TextDay)
        .where(TextDay.day == day_of(now))
        .values(
            papers=func.greatest(TextDay.papers - 1, 0),
            explanations=func.greatest(TextDay.explanations - int(is_explanation), 0),
        )
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
    return found or TextDay(day=day, papers=0, explanations=0, requests=0, tokens_read=0, tokens_written=0)
