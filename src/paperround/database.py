"""The database engine, read-only and writing sessions, and the declarative base. Knows no tables."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Final, NewType, Self

import psycopg
from psycopg.conninfo import make_conninfo
from sqlalchemy import URL, DateTime, Dialect, MetaData, TypeDecorator, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.pool import ConnectionPoolEntry

from paperround.errors import PaperroundError

MIN_POSTGRES_VERSION: Final = 16
# A page reads a few hundred rows, mostly from memory. With its default costs, which are made for spinning
# disks, PostgreSQL would rather read whole tables and compile the query first.
PLANNER_OPTIONS = "-crandom_page_cost=1.1 -cjit=off"
# When each side gives up a connection whose other end is out of reach: after 15 s of silence and 3 probes.
# A host that vanished would hold its locks for two hours otherwise. Over a Unix socket they mean nothing.
LIVENESS: Final = {
    "keepalives_idle": 15, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 30_000,
}  # fmt: skip
SERVER_LIVENESS = (
    "-ctcp_keepalives_idle=15 -ctcp_keepalives_interval=5 -ctcp_keepalives_count=3 -ctcp_user_timeout=30000 "
    "-cclient_connection_check_interval=10000"
)
CONNECTION_OPTIONS = f"-csearch_path=public,jobs -ctimezone=UTC {SERVER_LIVENESS} {PLANNER_OPTIONS}"

SESSION_STATE: Final = "SELECT pg_backend_pid(), replace(current_setting('search_path'), ' ', '')"
SESSION_TRIAL_TIMEOUT: Final = 20.0  # seconds
POOLER_SIGNS: Final = ("unsupported startup parameter", "not allowed in statement pooling mode")
POOLER_ADVICE: Final = (
    "A pooler such as PgBouncer stands between, which our connections can't go through: name PostgreSQL's "
    "own address in PAPERROUND_DATABASE_URL."
)
CERTIFICATE_SIGNS: Final = (
    "certificate verify failed", "root certificate", "server certificate", "could not load certificate",
)  # fmt: skip
CERTIFICATE_ADVICE: Final = (
    "Nothing was sent to it. Either another server answers there, or PAPERROUND_DATABASE_URL has another "
    "address than the server's certificate, or its sslrootcert isn't the certificate of who signed that."
)
TLS_SIGNS: Final = ("no encryption", "does not support SSL")
TLS_ADVICE: Final = (
    "One side wants TLS and the other doesn't: `sslmode` in PAPERROUND_DATABASE_URL says what we want, "
    "pg_hba.conf and `ssl` what the server wants."
)
REQUIREMENT_ADVICE: Final = (
    f"Paperround needs PostgreSQL {MIN_POSTGRES_VERSION} or newer, with pgvector 0.8 or newer installed."
)

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
        raise DatabaseUnavailable(
            "PAPERROUND_DATABASE_URL is no address of a PostgreSQL database.",
            advice="It looks like postgresql://user:password@host:5432/name.",
        )
    return parts.set(drivername="postgresql+psycopg")


def build_conninfo(url: str) -> str:
    """Turn `url` into a libpq connection string with our search path: `public`, then the queue's `jobs`."""
    parts = to_psycopg_url(url)
    arguments = {**parts.translate_connect_args(username="user", database="dbname"), **parts.query}
    return make_conninfo(
        **{"application_name": "paperround", **LIVENESS, **arguments, "options": CONNECTION_OPTIONS}
    )


class DatabaseUnavailable(PaperroundError):
    """The database refuses what we ask of it, or does not answer."""

    title = "No database"
    status = 503
    advice = "Check PAPERROUND_DATABASE_URL."

    @classmethod
    def from_driver(cls, error: DBAPIError | psycopg.Error) -> DatabaseUnavailable:
        """Build the error from the driver's words, with advice that fits them."""
        cause = error.orig if isinstance(error, DBAPIError) else error
        words = " ".join(str(cause).split()).rstrip(".?")
        if isinstance(cause, psycopg.errors.UndefinedTable | psycopg.errors.UndefinedColumn):
            return cls(f"The database's schema doesn't fit: {words}.", advice="Run `paperround db upgrade`.")
        if any(sign in words for sign in POOLER_SIGNS):
            return cls(f"The database can't be used: {words}.", advice=POOLER_ADVICE)
        for signs, advice in ((CERTIFICATE_SIGNS, CERTIFICATE_ADVICE), (TLS_SIGNS, TLS_ADVICE)):
            if any(sign in words for sign in signs):
                return cls(f"The database can't be used: {words}.", advice=advice)
        if isinstance(cause, psycopg.errors.FeatureNotSupported | psycopg.errors.UndefinedFile):
            return cls(f"The database lacks something: {words}.", advice=REQUIREMENT_ADVICE)
        if isinstance(cause, psycopg.errors.DiskFull):
            return cls(f"The database has no room left: {words}.", advice="Make room on its disk.")
        return cls(f"The database can't be used: {words}.")


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
        self.engine = create_async_engine(
            address,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_pre_ping=True,
            hide_parameters=True,  # they are what people sent: addresses, tokens, searches
            connect_args={
                **{name: value for name, value in LIVENESS.items() if name not in address.query},
                "options": options,
                "application_name": application,
                "connect_timeout": 10,
            },
        )
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)
        self._is_closed = False
        event.listen(self.engine.sync_engine, "checkin", self._close_late_connection)

    @asynccontextmanager
    async def read_session(self) -> AsyncIterator[ReadSession]:
        """Open a session in a transaction in which PostgreSQL itself refuses to write."""
        async with self._sessions() as session, session.begin():
            await session.connection(execution_options={"postgresql_readonly": True})
            yield ReadSession(session)

    @asynccontextmanager
    async def write_session(self) -> AsyncIterator[WriteSession]:
        """Open a session in a transaction that is committed at the end, or rolled back on an exception."""
        async with self._sessions.begin() as session:
            yield WriteSession(ReadSession(session))

    async def close(self) -> None:
        """Close all connections. One that a session still uses is closed at the session's end."""
        self._is_closed = True
        await self.engine.dispose()

    def _close_late_connection(self, _connection: object, record: ConnectionPoolEntry) -> None:
        """Close a connection that comes back after `close`: nobody would take it from the pool again."""
        if self._is_closed:
            record.invalidate()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
