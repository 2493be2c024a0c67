"""A throttle for requests or messages that all workers on all machines share. It is kept in PostgreSQL."""

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

RATE_WINDOW: Final = timedelta(minutes=5)
PAUSE_REFRESH_INTERVAL: Final = 1.0  # seconds


class RequestRate(Base):
    """How far the requests to a host are ahead of its rate."""

    __tablename__ = "request_rates"

    host: Mapped[str] = mapped_column(Text, primary_key=True)
    drained_at: Mapped[datetime] = mapped_column(
        comment="when the requests let through so far are worked off"
    )
    paused_until: Mapped[datetime | None] = mapped_column(comment="the host's own Retry-After")


class Throttle:
    """Lets at most `rate` requests to `host` through in any `window`. A rate of 0 means no limit.

    This is a leaky bucket (the generic cell rate algorithm): a quarter of the rate may go at once and the
    rest flows evenly, so that no window holds more than `rate`, wherever it starts. Times are the database's.
    """

    def __init__(self, database: Database, host: str, rate: int, *, window: timedelta = RATE_WINDOW) -> None:
        self._database = database
        self._host = host
        self._burst = rate // 4
        self._interval = window / (rate - self._burst) if rate else timedelta(0)
        self._paused_until: datetime | None = None
        self._pause_loaded_at = -math.inf  # by time.monotonic()

    @classmethod
    def one_per_interval(cls, database: Database, host: str, interval: timedelta) -> Throttle:
        """Make a throttle for one request every `interval`, never two at once. Zero means no limit."""
        throttle = cls(database, host, 0)
        throttle._burst, throttle._interval = 1, interval
        return throttle

    @property
    def is_open(self) -> bool:
        """Whether nothing is ever waited for."""
        return not self._interval

    async def acquire(self) -> None:
        """Reserve the next free moment and wait until it comes."""
        if self._interval:
            await asyncio.sleep(max((await self._reserve()).total_seconds(), 0))

    async def _reserve(self) -> timedelta:
        """Reserve the next free moment. Returns how long it is until then, negative where it has come."""
        first_request = insert(RequestRate).values(
            host=self._host, drained_at=func.clock_timestamp() + self._interval
        )
        next_drained_at = func.greatest(RequestRate.drained_at, func.clock_timestamp()) + self._interval
        statement = first_request.on_conflict_do_update(
            index_elements=["host"], set_={"drained_at": next_drained_at}
        ).returning(type_coerce(RequestRate.drained_at - func.clock_timestamp(), Interval()))
        async with self._database.write_session() as session:
            backlog = (await session.execute(statement)).scalar_one()
        return backlog - self._interval * max(self._burst, 1)

    async def pause(self, until: datetime) -> None:
        """Note for all workers that the host wants no requests before `until`. Never shortens a pause."""
        self._paused_until = max(until, self._paused_until or until)
        first_request = insert(RequestRate).values(
            host=self._host, drained_at=func.clock_timestamp(), paused_until=until
        )
        async with self._database.write_session() as session:
            await session.execute(
                first_request.on_conflict_do_update(
                    index_elements=["host"],
                    set_={"paused_until": func.greatest(RequestRate.paused_until, until)},
                )
            )

    async def paused_until(self, *, now: datetime) -> datetime | None:
        """When the pause ends, or None without one. Other workers' pauses are noticed within a second."""
        if time.monotonic() - self._pause_loaded_at > PAUSE_REFRESH_INTERVAL:
            async with self._database.read_session() as session:
                self._paused_until = await session.scalar(
                    select(RequestRate.paused_until).where(RequestRate.host == self._host)
                )
            self._pause_loaded_at = time.monotonic()
        until = self._paused_until
        return until if until and until > now else None
