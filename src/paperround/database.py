"""The database engine, read-only and writing sessions, and the declarative base. Knows no tables."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final, NewType, Self, cast

import psycopg
from sqlalchemy import URL, DateTime, Dialect, MetaData, TypeDecorator, event, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DisconnectionError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.pool import ConnectionPoolEntry

from paperround.conninfo import CONNECTION_OPTIONS, LIVENESS, DatabaseUnavailable, build_conninfo
from paperround.read_connections import ReadConnections, has_ended

SESSION_STATE: Final = "SELECT pg_backend_pid(), replace(current_setting('search_path'), ' ', '')"
SESSION_TRIAL_TIMEOUT: Final = 20.0  # seconds
MAX_READ_CONNECTIONS: Final = 3
READ_CONNECTIONS: Final = "read_connections"  # in the `info` of a session that only reads

ReadSession = NewType("ReadSession", AsyncSession)
WriteSession = NewType("WriteSession", ReadSession)  # also usable wherever reading is enough


def utc_now() -> datetime:
    """Return the current time in UTC. It is read at the edges only and passed on as `now`."""
    return datetime.now(UTC)


class UtcDateTime(TypeDecorator[datetime]):
    """A point in time, returned in UTC. Raises `ValueError` for a time without a time zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone; pass an aware time in UTC")
        return value

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """The base class of all tables."""

    metadata = MetaData(
        naming_convention={
            "ix": "%(table_name)s_%(column_0_N_name)s_idx",
            "uq": "%(table_name)s_%(column_0_N_name)s_key",
            "ck": "%(table_name)s_%(constraint_name)s_check",
            "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
            "pk": "%(table_name)s_pkey",
        }
    )
    type_annotation_map: ClassVar = {datetime: UtcDateTime()}


def to_psycopg_url(url: str) -> URL:
    """Turn any of the usual forms of a PostgreSQL URL into SQLAlchemy's, with psycopg 3 as the driver.

    Raises `DatabaseUnavailable` for what is no such URL, without repeating it: it may hold a password.
    """
    try:
        parts = make_url(url)
    except (ArgumentError, ValueError):
        parts = None
    if parts is None or parts.get_backend_name() not in ("postgresql", "postgres"):
        raise DatabaseUnavailable.for_address()
    return parts.set(drivername="postgresql+psycopg")


@dataclass(frozen=True)
class ServerInfo:
    """The server's versions and clock, and whether our role is its superuser.

    `vector_version` is None where pgvector is not installed.
    """

    version: str
    major_version: int
    vector_version: str | None
    now: datetime
    is_superuser: bool


async def load_server_info(session: ReadSession) -> ServerInfo:
    """Load the versions of the server and of pgvector, the server's time and our role."""
    query = text(
        "SELECT current_setting('server_version') AS version,"
        " current_setting('server_version_num')::int / 10000 AS major_version,"
        " (SELECT extversion FROM pg_extension WHERE extname = 'vector') AS vector_version,"
        " clock_timestamp() AS now, rolsuper AS is_superuser FROM pg_roles WHERE rolname = current_user"
    )
    row = (await session.execute(query)).one()
    return ServerInfo(row.version, row.major_version, row.vector_version, row.now, row.is_superuser)


async def keeps_sessions(url: str) -> bool:
    """Tell whether a connection keeps its settings and its server process from one statement to the next.

    A pooler may give the process to another connection in between. Locks, LISTEN, the search path and
    prepared statements would be lost, or be somebody else's. Raises `DatabaseUnavailable`, `TimeoutError`.
    """
    try:
        async with asyncio.timeout(SESSION_TRIAL_TIMEOUT):
            return await _keeps_state(build_conninfo(url))
    except psycopg.Error as error:
        raise DatabaseUnavailable.from_driver(error) from error


async def _keeps_state(conninfo: str) -> bool:
    async with (
        await psycopg.AsyncConnection.connect(conninfo, autocommit=True, prepare_threshold=None) as ours,
        await psycopg.AsyncConnection.connect(conninfo, prepare_threshold=None) as other,
    ):
        before = await (await ours.execute(SESSION_STATE)).fetchone()
        await other.execute("SELECT 1")  # in a transaction that goes on, so that it keeps the process it got
        after = await (await ours.execute(SESSION_STATE)).fetchone()
    return before == after and before is not None and before[1] == "public,jobs"


def _refuse_ended_connection(connection: DBAPIConnection, *_: object) -> None:
    """Have the pool make another connection in place of one that the server has ended.

    `pool_pre_ping` would ask the server before each use.
    """
    if has_ended(cast("psycopg.AsyncConnection[Any]", getattr(connection, "driver_connection", None))):
        raise DisconnectionError("The server has ended the connection.")


class Database:
    """A pool of connections, and the two kinds of session on it.

    Use it with `async with`, or call `close` on every path: an open connection that is left to the garbage
    collector is a leak.
    """

    def __init__(
        self,
        url: str,
        *,
        owner_url: str | None = None,
        pool_size: int = 5,
        application: str = "paperround",
        statement_timeout: timedelta | None = None,
    ) -> None:
        """Make the pool. `owner_url` is for making indexes, where the role of `url` may not.

        `statement_timeout` is how long a statement may take; by default there is no limit.

        Three times as long a transaction may wait for us.
        """
        self.url = url
        self.owner_url = owner_url or url
        options = CONNECTION_OPTIONS
        if statement_timeout:
            milliseconds = int(statement_timeout.total_seconds() * 1000)
            options += f" -cstatement_timeout={milliseconds}"
            options += f" -cidle_in_transaction_session_timeout={3 * milliseconds}"
        address = to_psycopg_url(url)
        arguments = {
            **{name: value for name, value in LIVENESS.items() if name not in address.query},
            "options": options,
            "application_name": application,
            "connect_timeout": 10,
        }
        self.engine = create_async_engine(
            address,
            pool_size=pool_size,
            max_overflow=pool_size - min(pool_size, MAX_READ_CONNECTIONS),
            hide_parameters=True,  # they are what people sent: addresses, tokens, searches
            connect_args=arguments,
        )
        self.read_connections = ReadConnections(
            {"conninfo": build_conninfo(url), **arguments}, min(pool_size, MAX_READ_CONNECTIONS)
        )
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)
        self._read_sessions = async_sessionmaker(
            self.engine.execution_options(postgresql_readonly=True),
            expire_on_commit=False,
            info={READ_CONNECTIONS: self.read_connections},
        )
        self._is_closed = False
        event.listen(self.engine.sync_engine, "checkin", self._close_late_connection)
        event.listen(self.engine.sync_engine, "checkout", _refuse_ended_connection)

    @asynccontextmanager
    async def read_session(self) -> AsyncIterator[ReadSession]:
        """Open a session in whose transactions PostgreSQL itself refuses to write.

        It takes a connection when it is first asked for something. Round trips have connections of their own.
        """
        async with self._read_sessions() as session:
            yield ReadSession(session)

    @asynccontextmanager
    async def write_session(self) -> AsyncIterator[WriteSession]:
        """Open a session in a transaction that is committed at the end, or rolled back on an exception."""
        async with self._sessions.begin() as session:
            yield WriteSession(ReadSession(session))

    async def close(self) -> None:
        """Close all connections. One that a session still uses is closed at the session's end."""
        self._is_closed = True
        await self.read_connections.close()
        await self.engine.dispose()

    def _close_late_connection(self, _connection: object, record: ConnectionPoolEntry) -> None:
        """Close a connection that comes back after `close`: nobody would take it from the pool again."""
        if self._is_closed:
            record.invalidate()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
