"""Statements that only read: compiled once, sent to PostgreSQL several at a time, answered with plain rows.

Most of what a list costs beside its rows is waiting for PostgreSQL, once for each statement, and building
statements and objects in between. A `Read` is compiled at its first use, and a `RoundTrip` sends all that a
page wants to know and then waits once. Objects of a session are for what is changed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from functools import cached_property
from typing import Any, Final, Generic, TypeVar, cast

import psycopg
from psycopg.rows import args_row
from sqlalchemy import BindParameter, Select
from sqlalchemy.dialects.postgresql.psycopg import PGDialectAsync_psycopg
from sqlalchemy.exc import DBAPIError

from paperround.database import READ_CONNECTIONS, ReadSession
from paperround.read_connections import ReadConnections

Row = TypeVar("Row")
Result = TypeVar("Result")
DIALECT: Final = PGDialectAsync_psycopg()  # type: ignore[no-untyped-call]


class Read(Generic[Row]):
    """A statement, and what makes a row of its columns. What varies has to be a `bindparam` in it.

    A list is an array, as in `column == any_(bindparam(…))`: IN makes a statement of each length.
    """

    def __init__(
        self, statement: Select[*tuple[Any, ...]], make: Callable[..., Row], *, binary: bool = False
    ) -> None:
        """`binary` has PostgreSQL send values as it keeps them: bytes would have twice the size as text."""
        self._statement = statement
        self.make = make
        self.binary = binary

    @cached_property
    def compiled(self) -> tuple[bytes, dict[str, Any]]:
        """The SQL, and the parameters whose values are a part of it."""
        compiled = self._statement.compile(dialect=DIALECT)
        fixed = {name: _to_driver(bound) for bound, name in compiled.bind_names.items() if not bound.required}
        return str(compiled).encode(), fixed


def _to_driver(bound: BindParameter[Any]) -> Any:
    """Convert a value within a statement, such as a member of an enum, as its column's type says."""
    process = bound.type.dialect_impl(DIALECT).bind_processor(DIALECT)
    return process(bound.value) if process else bound.value


class Asked(Generic[Result]):
    """What was asked within a round trip. There is a `result` once that has ended."""

    def __init__(self, make: Callable[[], Result]) -> None:
        self._make = make

    @cached_property
    def result(self) -> Result:
        return self._make()


class RoundTrip:
    """Statements that are sent together. `round_trip` makes one."""

    def __init__(self) -> None:
        self._wanted: list[tuple[Read[Any], dict[str, Any]]] = []
        self._answers: list[list[Any]] | None = None

    def ask(
        self, read: Read[Row], parameters: dict[str, Any], convert: Callable[[list[Row]], Result]
    ) -> Asked[Result]:
        """Send a statement at the end of the block. `convert` makes the result of its rows."""
        self._wanted.append((read, parameters))
        place = len(self._wanted) - 1
        return Asked(lambda: convert(self._rows_at(place)))

    def _rows_at(self, place: int) -> list[Any]:
        if self._answers is None:
            raise RuntimeError("The round trip has not ended yet.")
        return self._answers[place]

    def know(self, result: Result) -> Asked[Result]:
        """Stand for something that need not be asked."""
        return Asked(lambda: result)

    async def run(self, session: ReadSession) -> None:
        """Send all statements and wait for their rows.

        In a session that only reads, they are a transaction of their own.
        """
        if not self._wanted:
            return
        connections: ReadConnections | None = session.info.get(READ_CONNECTIONS)
        try:
            if connections is None:
                self._answers = await self._send(await driver_connection(session))
                return
            async with connections.borrow() as connection:
                self._answers = await self._send(connection)
        except psycopg.Error as error:  # as SQLAlchemy tells of it everywhere else
            raise DBAPIError.instance(
                None, None, error, psycopg.Error, hide_parameters=True, dialect=DIALECT
            ) from error

    async def _send(self, connection: psycopg.AsyncConnection[Any]) -> list[list[Any]]:
        if len(self._wanted) == 1:
            return [await (await _execute(connection, *self._wanted[0])).fetchall()]
        async with connection.pipeline():
            cursors = [await _execute(connection, *wanted) for wanted in self._wanted]
        return [await cursor.fetchall() for cursor in cursors]


async def _execute(
    connection: psycopg.AsyncConnection[Any], read: Read[Row], parameters: dict[str, Any]
) -> psycopg.AsyncCursor[Row]:
    sql, fixed = read.compiled
    cursor = connection.cursor(binary=read.binary, row_factory=args_row(read.make))
    return await cursor.execute(sql, fixed | parameters)


async def driver_connection(session: ReadSession) -> psycopg.AsyncConnection[Any]:
    """Give psycopg's own connection of a session."""
    fairy = await (await session.connection()).get_raw_connection()
    return cast("psycopg.AsyncConnection[Any]", fairy.driver_connection)


@asynccontextmanager
async def round_trip(session: ReadSession) -> AsyncIterator[RoundTrip]:
    """Send what is asked in the block together, at its end."""
    trip = RoundTrip()
    yield trip
    await trip.run(session)


async def answer(session: ReadSession, ask: Callable[[RoundTrip], Asked[Result]]) -> Result:
    """Ask one thing alone."""
    async with round_trip(session) as trip:
        asked = ask(trip)
    return asked.result


async def read_rows(session: ReadSession, read: Read[Row], **parameters: Any) -> list[Row]:
    """Send one statement and return its rows."""
    return await answer(session, lambda trip: trip.ask(read, parameters, list))


def only(rows: Sequence[Result]) -> Result:
    """Return the only row of a statement that always has one."""
    (row,) = rows
    return row


def first_of(rows: Iterable[Result]) -> Result | None:
    """Return the first row, or None if there is none."""
    return next(iter(rows), None)
