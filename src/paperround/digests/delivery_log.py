"""The marks of a message's start and outcome, written as fast as messages go out.

They go over a connection of their own that doesn't wait for the disk, all that are asked for meanwhile in one
statement. `claiming` has what that means when something dies.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import psycopg
import structlog

from paperround.conninfo import build_conninfo
from paperround.digests.delivery_states import (
    OUTCOME_EVENTS,
    DeliveryEvent,
    TransitionUnknown,
    get_common_sources,
    get_sources,
    get_target,
)
from paperround.digests.statement_retries import run_statement
from paperround.digests.tables import DeliveryState

logger = structlog.get_logger(__name__)

OUTCOME_DELAY: Final = 0.02  # seconds until an outcome is written that no start comes after
START_DELAY: Final = 0.002  # seconds for which a start waits for others: one statement does for several

Finish = Callable[[Iterable[int]], None]
START_SOURCES: Final = get_sources(DeliveryEvent.started)
OUTCOME_SOURCES: Final = get_common_sources(OUTCOME_EVENTS)


def _list_states(states: Iterable[DeliveryState]) -> str:
    return ", ".join(sorted(f"'{state.value}'" for state in states))


# An outcome counts also where the others thought this sender dead and put the delivery in doubt meanwhile.
# Outcomes come as one JSON text: a list for each column took longer to write than the statement takes.
# What stands in `coalesce` chooses no index. Without it, a plan that is made before the claims are counted
# walks through all of them.
WRITE_LOG: Final = f"""
    WITH done AS (
        UPDATE deliveries d
        SET state = o.state, finished_at = o.finished_at, next_try_at = o.next_try_at, code = o.code,
            words = o.words
        FROM json_to_recordset(%(outcomes)s::json) AS o (id bigint, state text, finished_at timestamptz,
                                                         next_try_at timestamptz, code smallint, words text)
        WHERE d.id = o.id
          AND coalesce(d.sender = %(sender)s AND d.state IN ({_list_states(OUTCOME_SOURCES)}), false)
    )
    UPDATE deliveries d
    SET state = %(started)s, started_at = clock_timestamp(), attempts = d.attempts + 1
    FROM subscriptions s
    WHERE d.id = ANY(%(starts)s::bigint[])
      AND coalesce(d.sender = %(sender)s AND d.state IN ({_list_states(START_SOURCES)}), false)
      AND s.id = d.subscription_id AND s.state = 'active'
    RETURNING d.id
"""  # noqa: S608 (nothing but states of ours is put in)
# The plan is made once and kept: making it takes longer than the statement. Rows are found by their number,
# also where it is made while the tables are still small.
SESSION_SETTINGS: Final = (
    "SET synchronous_commit = off; SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off"
)


@dataclass(frozen=True)
class DeliveryOutcome:
    """What became of an attempt. `next_try_at` matters where it is to be tried again."""

    delivery_id: int
    event: DeliveryEvent
    finished_at: datetime
    next_try_at: datetime
    code: int | None
    smtp_response: str

    def __post_init__(self) -> None:
        if self.event not in OUTCOME_EVENTS:
            raise TransitionUnknown(f"“{self.event.value}” is no outcome of an attempt.")

    @property
    def state(self) -> DeliveryState:
        return get_target(self.event)

    def as_row(self) -> Mapping[str, str | int | None]:
        """Return its columns as JSON has them."""
        return {
            "id": self.delivery_id,
            "state": self.state.value,
            "finished_at": self.finished_at.isoformat(),
            "next_try_at": self.next_try_at.isoformat(),
            "code": self.code,
            "words": self.smtp_response,
        }


class DeliveryLog:
    """Waits until `tasks` tasks ask; what comes while a statement is under way goes into the next."""

    def __init__(
        self,
        url: str,
        sender: int,
        *,
        tasks: int = 1,
        on_finished: Finish | None = None,
    ) -> None:
        self._url = url
        self._on_finished = on_finished
        self._sender = sender
        self._tasks = tasks
        self._connection: psycopg.AsyncConnection | None = None
        self._outcomes: list[DeliveryOutcome] = []
        self._starts: dict[int, asyncio.Future[bool]] = {}
        self._asked = asyncio.Event()
        self._under_way = asyncio.Event()  # the statement with the starts asked for until now
        self._gathering: asyncio.TimerHandle | None = None

    async def request_start(self, delivery_id: int) -> Awaitable[bool]:
        """Ask whether the message may be handed over now: it is still ours, and still wanted. Comes back when
        the question is on its way, so that its message can be made while the answer comes."""
        loop = asyncio.get_running_loop()
        self._starts[delivery_id] = answer = loop.create_future()
        if len(self._starts) >= self._tasks:
            self._asked.set()
        elif self._gathering is None:
            self._gathering = loop.call_later(START_DELAY, self._asked.set)
        await self._under_way.wait()
        return answer

    def record(self, outcome: DeliveryOutcome) -> None:
        """Goes out with the next start, or soon alone when none comes."""
        if not self._outcomes:
            asyncio.get_running_loop().call_later(OUTCOME_DELAY, self._asked.set)
        self._outcomes.append(outcome)

    async def run(self) -> None:
        """Write marks until cancelled. Raises `psycopg.Error` when the database stays away."""
        try:
            while True:
                await self._asked.wait()
                self._asked.clear()
                if self._starts or self._outcomes:
                    await self._write()
        finally:
            for asked in self._starts.values():
                asked.cancel()

    async def close(self) -> None:
        """Write what is left, and disconnect."""
        try:
            if self._outcomes:
                await self._write()
        finally:
            await self.disconnect()

    async def disconnect(self) -> None:
        """Close the connection to the database."""
        if self._connection is not None:
            await self._connection.close()

    async def _write(self) -> None:
        outcomes, self._outcomes = self._outcomes, []
        starts, self._starts = self._starts, {}
        if self._gathering is not None:
            self._gathering.cancel()
            self._gathering = None
        self._under_way.set()
        self._under_way = asyncio.Event()
        try:
            allowed = await self._execute(outcomes, list(starts))
        except BaseException:
            self._outcomes = outcomes + self._outcomes
            self._starts = starts | self._starts
            raise
        if self._on_finished:
            self._on_finished(one.delivery_id for one in outcomes)
            self._on_finished(starts.keys() - allowed)
        for delivery_id, asked in starts.items():
            if not asked.done():
                asked.set_result(delivery_id in allowed)

    async def _execute(self, outcomes: list[DeliveryOutcome], starts: list[int]) -> set[int]:
        values = {
            "sender": self._sender,
            "started": get_target(DeliveryEvent.started).value,
            "starts": f"{{{','.join(map(str, starts))}}}",
            "outcomes": json.dumps([one.as_row() for one in outcomes]),
        }

        async def write() -> set[int]:
            connection = await self._connected()
            rows = await (await connection.execute(WRITE_LOG, values, prepare=True)).fetchall()
            return {row[0] for row in rows}

        return await run_statement(write)

    async def _connected(self) -> psycopg.AsyncConnection:
        if self._connection is None or self._connection.closed:
            self._connection = await psycopg.AsyncConnection.connect(
                build_conninfo(self._url), autocommit=True, connect_timeout=10
            )
            await self._connection.execute(SESSION_SETTINGS)
        return self._connection


@asynccontextmanager
async def open_delivery_log(
    url: str, sender: int, *, tasks: int = 1, on_finished: Finish | None = None
) -> AsyncIterator[DeliveryLog]:
    """Open the log. `on_finished` is told whose outcome was written, or who must not be started."""
    marks = DeliveryLog(url, sender, tasks=tasks, on_finished=on_finished)
    async with asyncio.TaskGroup() as group:
        writing = group.create_task(marks.run())
        try:
            yield marks
        finally:
            writing.cancel()
            try:
                with contextlib.suppress(asyncio.CancelledError):
                    await writing
                await marks.close()
            finally:
                await marks.disconnect()
