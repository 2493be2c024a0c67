"""The connections that round trips borrow."""

from __future__ import annotations

import asyncio

import psycopg
import pytest
from sqlalchemy import Integer, bindparam, func, select, text

from paperround import reads
from paperround.database import Database
from paperround.reads import Read

PROCESS = Read(select(func.pg_backend_pid()), int)
SLEEP = Read(
    select(func.pg_backend_pid(), func.pg_sleep(bindparam("seconds", type_=Integer))), lambda pid, _: int(pid)
)


async def test_one_connection_serves_round_trips_one_after_the_other(database: Database) -> None:
    processes = set()
    for _ in range(4):
        async with database.read_session() as session:
            processes |= set(await reads.read_rows(session, PROCESS))
    assert len(processes) == 1


async def test_round_trips_at_once_have_a_few_connections_and_the_others_wait(database: Database) -> None:
    async def ask() -> int:
        async with database.read_session() as session:
            (process,) = await reads.read_rows(session, SLEEP, seconds=0)
            return process

    assert 1 <= len(set(await asyncio.gather(*(ask() for _ in range(12))))) <= 3


async def test_postgresql_refuses_to_write_on_them(database: Database) -> None:
    async with database.read_connections.borrow() as connection:
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            await connection.execute("CREATE TABLE never (id int)")


async def test_one_that_was_given_up_in_the_middle_is_not_used_again(database: Database) -> None:
    async def ask(seconds: int) -> int:
        async with database.read_session() as session:
            (process,) = await reads.read_rows(session, SLEEP, seconds=seconds)
            return process

    first = await ask(0)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await ask(30)
    assert await ask(0) != first


async def test_they_are_closed_with_the_database(database_url: str, database: Database) -> None:
    running = text("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'to be closed'")
    async with Database(database_url, application="to be closed") as other:
        async with other.read_session() as session:
            await reads.read_rows(session, PROCESS)
        async with database.read_session() as session:
            assert await session.scalar(running) == 1
    for _ in range(100):
        async with database.read_session() as session:
            if not await session.scalar(running):
                return
        await asyncio.sleep(0.05)
    pytest.fail("a connection is still there")
