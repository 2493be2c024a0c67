"""Connections for statements that only read, kept open from one round trip to the next."""

from __future__ import annotations

import asyncio
import select
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import psycopg

READ_ONLY: Final = "-cdefault_transaction_read_only=on"


def has_ended(connection: psycopg.AsyncConnection[Any]) -> bool:
    """Tell whether a connection that rests can't be used any more.

    Nothing is due on it, so one with something to read has been ended by the server. Asking the system takes
    microseconds, where asking the server is a round trip.
    """
    if connection.closed:
        return True
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


class ReadConnections:
    """A pool of connections on which PostgreSQL itself refuses to write.

    SQLAlchemy's sessions cost half a millisecond of a processor a request, several times what is asked on
    them. These begin no transaction: a pipeline is one, and ends with it.
    """

    def __init__(self, arguments: Mapping[str, Any], size: int) -> None:
        """`arguments` are psycopg's for a connection, with `options`. There are at most `size` at once."""
        self._arguments = {**arguments, "options": f"{arguments.get('options', '')} {READ_ONLY}"}
        self._places = asyncio.Semaphore(size)
        self._resting: list[psycopg.AsyncConnection[Any]] = []
        self._is_closed = False

    @asynccontextmanager
    async def borrow(self) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        """Lend a connection. One whose use failed is closed, since nobody knows its state."""
        async with self._places:
            connection = await self._take()
            try:
                yield connection
            except BaseException:
                await connection.close()
                raise
            if self._is_closed:
                await connection.close()
            else:
                self._resting.append(connection)

    async def _take(self) -> psycopg.AsyncConnection[Any]:
        while self._resting:
            connection = self._resting.pop()
            if not has_ended(connection):
                return connection
            await connection.close()
        return await psycopg.AsyncConnection.connect(autocommit=True, **self._arguments)

    async def close(self) -> None:
        """Close the connections. One that is lent is closed when it comes back."""
        self._is_closed = True
        while self._resting:
            await self._resting.pop().close()
