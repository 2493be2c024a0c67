"""A pace that all workers on all machines share: of requests to a host, of messages. Kept in PostgreSQL."""

from __future__ import annotations

import asyncio
import math
import time
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Interval, Text, func, select, type_coerce
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, mapped_column

from paperround.database import Base, Database

WINDOW: Final = timedelta(minutes=5)
FRESH: Final = 1.0  # seconds for which a look at the pause holds


class RequestRate(Base):
    """How far ahead of its pace a host is."""

    __tablename__ = "request_rates"

    host: Mapped[str] = mapped_column(Text, primary_key=True)
    drained_at: Mapped[datetime] = mapped_column(
        comment="when the requests let through so far are worked off"
    )
    paused_until: Mapped[datetime | None] = mapped_column(comment="the host's own Retry-After")


class Pace:
    """At most `rate` requests to `host` in any `per`; 0: no limit.

    A leaky bucket (GCRA): a quarter of the rate may go at once, the rest flows evenly, so that no window,
    wherever it starts, holds more than `rate`. The database's clock rules.
    """

    def __init__(self, database: Database, host: str, rate: int, *, per: timedelta = WINDOW) -> None:
        self._database = database
        self._host = host
        self._burst = rate // 4
        self._interval = per / (rate - self._burst) if rate else timedelta(0)
        self._paused_until: datetime | None = None
        self._looked_at = -math.inf  # time.monotonic() of the last look into the table

    @classmethod
    def every(cls, database: Database, host: str, interval: timedelta) -> Pace:
        """One request every `interval`, never two at once; zero: no limit."""
        pace = cls(database, host, 0)
        pace._burst, pace._interval = 1, interval
        return pace

    async def turn(self) -> None:
        """Take the next place in the row and wait until it comes."""
        if self._interval:
            await asyncio.sleep(max((await self._book()).total_seconds(), 0))

    async def _book(self) -> timedelta:
        mine = insert(RequestRate).values(host=self._host, drained_at=func.clock_timestamp() + self._interval)
        later = func.greatest(RequestRate.drained_at, func.clock_timestamp()) + self._interval
        statement = mine.on_conflict_do_update(index_elements=["host"], set_={"drained_at": later}).returning(
            type_coerce(RequestRate.drained_at - func.clock_timestamp(), Interval())
        )
        async with self._database.writing() as session:
            backlog = (await session.execute(statement)).scalar_one()
        return backlog - self._interval * max(self._burst, 1)

    async def pause(self, until: datetime) -> None:
        """No requests before `until`: the host's own wish."""
        self._paused_until = max(until, self._paused_until or until)
        mine = insert(RequestRate).values(
            host=self._host, drained_at=func.clock_timestamp(), paused_until=until
        )
        async with self._database.writing() as session:
            await session.execute(
                mine.on_conflict_do_update(
                    index_elements=["host"],
                    set_={"paused_until": func.greatest(RequestRate.paused_until, until)},
                )
            )

    async def paused_until(self, *, now: datetime) -> datetime | None:
        """When requests may go on, None when they may now. Another worker's pause is seen within a second."""
        if time.monotonic() - self._looked_at > FRESH:
            async with self._database.reading() as session:
                self._paused_until = await session.scalar(
                    select(RequestRate.paused_until).where(RequestRate.host == self._host)
                )
            self._looked_at = time.monotonic()
        until = self._paused_until
        return until if until and until > now else None
