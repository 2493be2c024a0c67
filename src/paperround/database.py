"""Engine, sessions for reading and for writing, the declarative base. Knows no table."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import ClassVar, NewType

from psycopg.conninfo import make_conninfo
from sqlalchemy import URL, DateTime, Dialect, MetaData, TypeDecorator, make_url
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase

# A page reads some hundreds of rows, mostly from memory: PostgreSQL's costs, made for turning disks, would
# rather read a whole table, and compile the query first.
PLANNING = "-crandom_page_cost=1.1 -cjit=off"
OPTIONS = f"-csearch_path=public,jobs -ctimezone=UTC {PLANNING}"

ReadSession = NewType("ReadSession", AsyncSession)
WriteSession = NewType("WriteSession", ReadSession)  # what may write may also read


def utc_now() -> datetime:
    """The clock; read at the edge only and passed in as `now`."""
    return datetime.now(UTC)


class Utc(TypeDecorator[datetime]):
    """An instant. Refuses naive times, answers in UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone; pass an aware time in UTC")
        return value

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "%(table_name)s_%(column_0_N_name)s_idx",
            "uq": "%(table_name)s_%(column_0_N_name)s_key",
            "ck": "%(table_name)s_%(constraint_name)s_check",
            "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
            "pk": "%(table_name)s_pkey",
        }
    )
    type_annotation_map: ClassVar = {datetime: Utc()}


def psycopg_url(url: str) -> URL:
    """`url` with psycopg 3 as its driver, whichever of PostgreSQL's usual forms it has."""
    return make_url(url).set(drivername="postgresql+psycopg")


def conninfo(url: str) -> str:
    """`url` as libpq reads it, with our search path: tables in `public`, the queue's in `jobs`."""
    parts = psycopg_url(url)
    arguments = {**parts.translate_connect_args(username="user", database="dbname"), **parts.query}
    return make_conninfo(**{"application_name": "paperround", **arguments, "options": OPTIONS})


class Database:
    """A pool of connections and the two kinds of session on it."""

    def __init__(self, url: str, *, pool_size: int = 5, application: str = "paperround") -> None:
        self.url = url
        self.engine = create_async_engine(
            psycopg_url(url),
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_pre_ping=True,
            connect_args={
                "options": OPTIONS,
                "application_name": application,
                "connect_timeout": 10,
            },
        )
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[ReadSession]:
        """A transaction that PostgreSQL itself keeps from writing."""
        async with self._sessions() as session, session.begin():
            await session.connection(execution_options={"postgresql_readonly": True})
            yield ReadSession(session)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[WriteSession]:
        """Commits on leaving, rolls back when what is inside raises."""
        async with self._sessions.begin() as session:
            yield WriteSession(ReadSession(session))

    async def close(self) -> None:
        await self.engine.dispose()
