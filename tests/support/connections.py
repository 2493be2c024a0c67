"""Finds connections to PostgreSQL that a test leaves open.

psycopg warns about one only when the garbage collector comes to it, which may be during another test.
"""

from __future__ import annotations

import asyncio
import gc
import traceback
import warnings
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FrameType

import greenlet
import psycopg
from psycopg.pq import ConnStatus
from psycopg.pq.abc import PGconn

MAX_STACK_DEPTH = 60


@dataclass(frozen=True)
class OpenedConnection:
    """A connection that this process opened. Its `pgconn` is kept so that its socket stays open."""

    reference: weakref.ref[psycopg.BaseConnection[object]]
    pgconn: PGconn
    loop: asyncio.AbstractEventLoop | None
    stack: traceback.StackSummary

    @property
    def is_open(self) -> bool:
        return self.pgconn.status != ConnStatus.BAD

    @property
    def is_leaked(self) -> bool:
        """Whether nobody is left who could close it."""
        return self.reference() is None or (self.loop is not None and self.loop.is_closed())

    def describe(self) -> str:
        """Where it was opened; of the calls, those in our own code."""
        foreign = ("/lib/python", "<frozen", __file__)
        own_frames = [frame for frame in self.stack if not any(part in frame.filename for part in foreign)]
        calls = "".join(traceback.format_list(reversed(own_frames)))
        return f"A connection to PostgreSQL was left open. It was opened by\n{calls}"


class ConnectionTracker:
    """Notes every connection that psycopg opens in this process.

    Collecting garbage is slow, so it is done only after a test that left one of its connections open. The
    pool of a site that several tests share is such a case.
    """

    def __init__(self) -> None:
        self._new: list[OpenedConnection] = []
        self._shared: list[OpenedConnection] = []
        self._excused: list[OpenedConnection] = []

    def install(self) -> None:
        """Begin to note connections."""
        original: Callable[..., None] = psycopg.BaseConnection.__init__

        def initialize(connection: psycopg.BaseConnection[object], pgconn: PGconn) -> None:
            original(connection, pgconn)
            self._new.append(
                OpenedConnection(weakref.ref(connection), pgconn, _running_loop(), _stack_of_caller())
            )

        psycopg.BaseConnection.__init__ = initialize  # type: ignore[method-assign, assignment]

    def close_leaked(self, *, test_failed: bool = False) -> list[str]:
        """Close the connections that leaked since the last call. Returns a description of each.

        Those of a test that failed are left out: its traceback keeps them alive, so they leak later.
        """
        new, self._new = self._new, []
        opened = [connection for connection in new if connection.is_open]
        if opened:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", ".*was deleted while still open", ResourceWarning)
                gc.collect()
        if test_failed:
            self._excused += opened
        else:
            self._shared += opened
        leaked = self._close_leaked_of(self._shared)
        self._close_leaked_of(self._excused)
        return [connection.describe() for connection in leaked]

    @staticmethod
    def _close_leaked_of(connections: list[OpenedConnection]) -> list[OpenedConnection]:
        """Close and return those that leaked, and take them and the closed ones off the list."""
        still_open = [connection for connection in connections if connection.is_open]
        leaked = [connection for connection in still_open if connection.is_leaked]
        connections[:] = [connection for connection in still_open if not connection.is_leaked]
        for connection in leaked:
            connection.pgconn.finish()
        return leaked


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _stack_of_caller() -> traceback.StackSummary:
    """The stack without its source lines, which are read only when they are shown."""
    return traceback.StackSummary.extract(_frames(), limit=MAX_STACK_DEPTH, lookup_lines=False)


def _frames() -> Iterator[tuple[FrameType, int]]:
    """The frames of this greenlet and of those that wait for it: SQLAlchemy connects in a greenlet."""
    yield from traceback.walk_stack(None)
    parent = greenlet.getcurrent().parent
    while parent is not None:
        yield from traceback.walk_stack(parent.gr_frame)
        parent = parent.parent
