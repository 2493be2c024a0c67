"""How often something may be done, counted in PostgreSQL so that all web processes share it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sqlalchemy import Integer, Text, delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, mapped_column

from paperround.database import Base, Database, WriteSession

LONGEST: Final = timedelta(days=1)  # of all windows; older counts are forgotten


class Attempts(Base):
    """How often `key` was tried in the window that began at `since`."""

    __tablename__ = "attempts"

    key: Mapped[str] = mapped_column(Text, primary_key=True)
    since: Mapped[datetime] = mapped_column(primary_key=True, index=True)
    count: Mapped[int] = mapped_column(Integer)


class Limit(NamedTuple):
    """At most `most` times in each window of `per` (a day at most)."""

    key: str
    most: int
    per: timedelta


async def allowed(database: Database, *limits: Limit, now: datetime) -> bool:
    """Count an attempt against each limit; whether it is within all of them.

    In a transaction of its own, so that it counts whatever becomes of the request.
    """
    async with database.writing() as session:
        counts = [await _count(session, limit, now) for limit in sorted(limits)]  # sorted: no deadlock
    return all(count <= limit.most for count, limit in zip(counts, sorted(limits), strict=True))


async def _count(session: WriteSession, limit: Limit, now: datetime) -> int:
    since = datetime.fromtimestamp(
        now.timestamp() // limit.per.total_seconds() * limit.per.total_seconds(), now.tzinfo
    )
    mine = insert(Attempts).values(key=limit.key, since=since, count=1)
    counted = mine.on_conflict_do_update(
        index_elements=["key", "since"], set_={"count": Attempts.count + 1}
    ).returning(Attempts.count)
    return (await session.execute(counted)).scalar_one()


async def forget_old(session: WriteSession, *, now: datetime) -> None:
    """Drop the counts of windows that have passed."""
    await session.execute(delete(Attempts).where(Attempts.since < now - LONGEST))
