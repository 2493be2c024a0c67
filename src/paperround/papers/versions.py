"""Tells a process which version of the catalogue is the present one, so that it can keep what it shows.

Triggers count the version up in the transaction that changes something (`tables.CatalogueVersion`), and
NOTIFY once it is committed. A watch reads the version when it is notified, and again when somebody relies on
what it knows after `max_age`. So a notification that gets lost, as behind a pooler of transactions or with a
dead connection, costs no more than that.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Final, LiteralString, NamedTuple

import psycopg
import structlog

from paperround.conninfo import build_conninfo

logger = structlog.get_logger(__name__)

MAX_AGE: Final = timedelta(seconds=0.5)  # how old what a watch knows may be
LOOK_TIMEOUT: Final = 1.0  # seconds
# Times `max_age`: until when a version is shown after it was last seen to be the present one, and from when
# on its pages are made anew. So changes that come at once are shown together, and nobody waits for them.
SHOWN_FOR: Final = 1.8
RENEWED_AFTER: Final = 0.2
NEVER: Final = float("-inf")
RECONNECT_DELAYS: Final = (0.1, 0.5, 1.0, 2.0, 5.0)  # seconds; the last one repeats
LISTEN: Final[LiteralString] = "LISTEN catalogue"
LOOK: Final[LiteralString] = "SELECT papers, vectors FROM public.catalogue_version"


class Version(NamedTuple):
    """How often papers (and lists, votes, readings) and vectors (and what ranks searches) have changed."""

    papers: int
    vectors: int


class VersionWatch:
    """The present version. `watching` keeps it up to date over a connection of its own."""

    def __init__(self, *, max_age: timedelta = MAX_AGE, clock: Callable[[], float] = time.monotonic) -> None:
        self._max_age = max_age.total_seconds()
        self._shown_for, self._renewed_after = SHOWN_FOR * self._max_age, RENEWED_AFTER * self._max_age
        self._clock = clock
        self.version: Version | None = None  # as it was at the last look; `recall` tells whether that will do
        self._seen_at: dict[Version, float] = {}  # when the last look began that gave one, of a moment ago
        self._looked_at = NEVER  # when the look began that gave the version
        self._wake = asyncio.Event()
        self._ended_look: asyncio.Future[None] | None = None  # while somebody waits for the next look

    def recall(self) -> Version | None:
        """Return the version if it was looked at recently enough, or None."""
        return self.version if self._clock() - self._looked_at <= self._max_age else None

    def may_show(self, version: Version) -> bool:
        """Tell whether a version was the present one a moment ago, so that nothing that shows it is too old.

        A look begins, which nobody waits for, where the last one was longer ago than `max_age`.
        """
        now = self._clock()
        if now - self._looked_at > self._max_age:
            self._wake.set()
        return now - self._seen_at.get(version, NEVER) < self._shown_for

    def is_replaced(self, version: Version) -> bool:
        """Tell whether another version came for long enough that what shows this one is to be made anew."""
        if self.version is None or self.version == version:
            return False
        return self._clock() - self._seen_at.get(version, NEVER) >= self._renewed_after

    async def confirm(self) -> Version | None:
        """Return the version after looking again if need be. None: the database can't be asked now."""
        wanted = self._clock() - self._max_age
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_TIMEOUT):
                while self._looked_at < wanted:
                    if self.version is None:
                        return None
                    if self._ended_look is None:
                        self._ended_look = asyncio.get_running_loop().create_future()
                    self._wake.set()
                    await asyncio.shield(self._ended_look)
                return self.version
        return None

    async def watch(self, url: str) -> None:
        """Watch until cancelled. A lost connection is made again."""
        failures = 0
        while True:
            try:
                connection = await psycopg.AsyncConnection.connect(
                    build_conninfo(url), autocommit=True, prepare_threshold=None
                )
                async with connection:
                    await connection.execute(LISTEN)
                    connection.add_notify_handler(lambda _: self._wake.set())
                    while True:
                        await self._look(connection)
                        failures = 0
                        await self._wait(connection)
            except (psycopg.Error, OSError) as error:
                self._forget()
                if not failures:
                    logger.warning("changes of the catalogue are not told", error=str(error).strip())
                await asyncio.sleep(RECONNECT_DELAYS[min(failures, len(RECONNECT_DELAYS) - 1)])
                failures += 1

    async def _look(self, connection: psycopg.AsyncConnection) -> None:
        self._wake.clear()
        began = self._clock()
        row = await (await connection.execute(LOOK)).fetchone()
        self.version, self._looked_at = (Version(*row) if row else None), began
        if self.version is not None:
            shown_since = began - self._shown_for
            self._seen_at = {known: at for known, at in self._seen_at.items() if at > shown_since}
            self._seen_at[self.version] = began
        self._end_look()

    async def _wait(self, connection: psycopg.AsyncConnection) -> None:
        """Wait until a notification comes, the connection is lost, or somebody wants to know."""
        loop, socket = asyncio.get_running_loop(), connection.fileno()
        loop.add_reader(socket, self._wake.set)
        try:
            await self._wake.wait()
        finally:
            loop.remove_reader(socket)

    def _forget(self) -> None:
        self.version, self._looked_at = None, NEVER
        self._end_look()

    def _end_look(self) -> None:
        ended, self._ended_look = self._ended_look, None
        if ended is not None and not ended.done():
            ended.set_result(None)


@asynccontextmanager
async def watching(url: str, *, max_age: timedelta = MAX_AGE) -> AsyncIterator[VersionWatch]:
    """Watch the version of the database at `url` in the block."""
    watch = VersionWatch(max_age=max_age)
    task = asyncio.create_task(watch.watch(url), name="versions of the catalogue")
    try:
        yield watch
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
