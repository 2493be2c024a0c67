"""Limits what is costly: how often one network may search, match and preview, and how many may at once.

A few at once keep a processor and the database as busy as many, so the others wait their turn, in a short
queue. Whoever would wait for long is told to come back.

The counts are in memory, not in PostgreSQL like sign-in links: a count there is a transaction with a
write, as dear as many a search, and a flood would pay for each request that is refused. The web processes of
one machine share the counts, since what the limit is to spare is that machine's time, and its share of the
database.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final, cast

from fastapi import Request

from paperround.errors import PaperroundError
from paperround.i18n.messages import gettext as _
from paperround.i18n.messages import mark_message
from paperround.shared_counts import SharedCounts
from paperround.web.dependencies import TooMany, settings_of
from paperround.web.security.client_ip import find_source_network

WINDOW: Final = timedelta(minutes=1)
COSTLY: Final = "is_costly"  # set in a request's state
AT_WORK: Final = "costly_work"  # set in the state of a request that has its turn
MAX_AT_ONCE: Final = 3
MAX_WAITING: Final = 24
MAX_WAIT: Final = 4.0  # seconds
RETRY_AFTER: Final = 5  # seconds


class CostlyWorkRefused(PaperroundError):
    """So many searches and matches wait that another one would wait too long."""

    title = mark_message("Too busy")
    status = 503
    advice = f"Try again in {RETRY_AFTER} seconds."

    def __init__(self) -> None:
        super().__init__(_("Too many searches and matches are under way."))
        self.headers = {"Retry-After": str(RETRY_AFTER)}


class CostlyWork:
    """The costly requests that are under way in this process, and those that wait for one to end."""

    def __init__(self, at_once: int = MAX_AT_ONCE) -> None:
        self._places = asyncio.Semaphore(at_once)
        self._waiting = 0

    async def begin(self) -> None:
        """Wait for a turn. Raises `CostlyWorkRefused` where too many wait, or it does not come in time."""
        if self._waiting >= MAX_WAITING:
            raise CostlyWorkRefused
        self._waiting += 1
        try:
            async with asyncio.timeout(MAX_WAIT):
                await self._places.acquire()
        except TimeoutError:
            raise CostlyWorkRefused from None
        finally:
            self._waiting -= 1

    def end(self) -> None:
        self._places.release()


class CostlyRequests:
    """Counts of the present minute by network. All processes of a machine have the same minutes."""

    def __init__(self, counts: SharedCounts, clock: Callable[[], float] = time.monotonic) -> None:
        self._counts, self._clock = counts, clock

    def count(self, network: str) -> int:
        """Count a request and return how many there were within the minute."""
        return self.count_in_window(network)[0]

    def count_in_window(self, key: str) -> tuple[int, int]:
        """Count a request and return how many there were, and in how many seconds the next minute begins."""
        minutes, seconds = divmod(self._clock(), WINDOW.total_seconds())
        minute = 1 + int(minutes)
        if self._counts.period != minute:
            self._counts.begin(minute)
        self._counts.add(key)
        return self._counts.total(key), max(1, math.ceil(WINDOW.total_seconds() - seconds))


async def count_costly_request(request: Request) -> None:
    """Count a search, a match or a preview for the network that it comes from. Raises `TooMany`."""
    setattr(request.state, COSTLY, True)
    most = settings_of(request).search_rate
    counts = cast(CostlyRequests, request.app.state.costly_requests)
    if most and counts.count(find_source_network(request)) > most:
        raise TooMany(
            _("At most %(most)s searches, matches and cards a minute come from one network.", most=most),
            wait=WINDOW,
        )


async def begin_costly_request(request: Request) -> None:
    """Count a request as costly and wait for its turn, which lasts until its route returns.

    Raises `TooMany` and `CostlyWorkRefused`.
    """
    await count_costly_request(request)
    if not getattr(request.state, AT_WORK, None):
        work = cast(CostlyWork, request.app.state.costly_work)
        await work.begin()
        setattr(request.state, AT_WORK, work)


@asynccontextmanager
async def costly_turn(request: Request) -> AsyncIterator[None]:
    """Count a request as costly and have its turn while the block runs, for what is no route of FastAPI's.

    Raises `TooMany` and `CostlyWorkRefused`.
    """
    await count_costly_request(request)
    work = cast(CostlyWork, request.app.state.costly_work)
    await work.begin()
    try:
        yield
    finally:
        work.end()


async def end_costly_requests(request: Request) -> AsyncIterator[None]:
    """End a request's turn when its route has returned, if it had one. Every route depends on this."""
    try:
        yield
    finally:
        work: CostlyWork | None = getattr(request.state, AT_WORK, None)
        if work is not None:
            work.end()
