"""Rate limits, counted in PostgreSQL so that all web processes share the counts."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sqlalchemy import Integer, Text, delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, mapped_column

from paperround import metrics
from paperround.database import Base, Database, WriteSession

MAX_WINDOW: Final = timedelta(days=1)  # of all rate limits; older counts are deleted


class RateLimitCount(Base):
    """How many attempts were made at `key` in the window that began at `window_start`."""

    __tablename__ = "attempts"

    key: Mapped[str] = mapped_column(Text, primary_key=True)
    window_start: Mapped[datetime] = mapped_column("since", primary_key=True, index=True)
    count: Mapped[int] = mapped_column(Integer)


class RateLimit(NamedTuple):
    """At most `max_attempts` in each `window`, which is at most a day long."""

    key: str
    max_attempts: int
    window: timedelta

    @property
    def name(self) -> str:
        """The key without its last word, the network or the address that it is about, if it has several."""
        return self.key.rpartition(" ")[0] or self.key


async def is_allowed(database: Database, *limits: RateLimit, now: datetime) -> bool:
    """Count an attempt against each limit, and tell whether all of them still allow it.

    The attempt is counted in a transaction of its own, so that it counts whatever becomes of the request.
    """
    ordered_limits = sorted(limits)  # one order for all transactions, so that they can't deadlock
    async with database.write_session() as session:
        counts = [await _count_attempt(session, limit, now) for limit in ordered_limits]
    exceeded = [
        limit for count, limit in zip(counts, ordered_limits, strict=True) if count > limit.max_attempts
    ]
    for limit in exceeded:
        metrics.RATE_LIMITED.labels(limit.name).inc()
    return not exceeded


async def _count_attempt(session: WriteSession, limit: RateLimit, now: datetime) -> int:
    seconds = limit.window.total_seconds()
    window_start = datetime.fromtimestamp(now.timestamp() // seconds * seconds, now.tzinfo)
    first_attempt = insert(RateLimitCount).values(key=limit.key, since=window_start, count=1)
    statement = first_attempt.on_conflict_do_update(
        index_elements=["key", "since"], set_={"count": RateLimitCount.count + 1}
    ).returning(RateLimitCount.count)
    return (await session.execute(statement)).scalar_one()


async def delete_expired_counts(session: WriteSession, *, now: datetime) -> None:
    """Delete the counts of windows that have passed."""
    await session.execute(delete(RateLimitCount).where(RateLimitCount.window_start < now - MAX_WINDOW))
