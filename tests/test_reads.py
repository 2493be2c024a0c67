"""Statements that only read: several in one round trip, and what becomes of the transaction around them."""

from __future__ import annotations

from contextlib import AsyncExitStack

import psycopg
import pytest
from sqlalchemy import Integer, bindparam, column, func, literal, select, text, values
from sqlalchemy.exc import DataError, DBAPIError, InternalError

from paperround import reads
from paperround.database import Database
from paperround.failures import explain
from paperround.papers.tables import Listing
from paperround.reads import Asked, Read, round_trip

from support.statements import sent_statements

DOUBLED = Read(select(bindparam("number", type_=Integer) * 2), int)
ROWS = Read(
    select(values(column("n", Integer), name="given").data([(3,), (1,), (2,)])), lambda number: f"<{number}>"
)


async def test_what_is_asked_together_is_answered_each_by_its_own_rows(database: Database) -> None:
    async with database.read_session() as session:
        async with round_trip(session) as trip:
            numbers = [trip.ask(DOUBLED, {"number": number}, reads.only) for number in range(50)]
            words = trip.ask(ROWS, {}, sorted)
            known = trip.know("known")
        assert [asked.result for asked in numbers] == [2 * number for number in range(50)]
        assert (words.result, known.result) == (["<1>", "<2>", "<3>"], "known")
        assert await reads.read_rows(session, DOUBLED, number=4) == [8]


async def test_nothing_is_known_before_the_block_ends(database: Database) -> None:
    async with database.read_session() as session, round_trip(session) as trip:
        asked: Asked[int] = trip.ask(DOUBLED, {"number": 1}, reads.only)
        with pytest.raises(RuntimeError):
            asked.result  # noqa: B018 (that it is looked at)


async def test_a_round_trip_sees_what_its_transaction_wrote_and_does_not_end_it(database: Database) -> None:
    count = Read(select(func.count()).select_from(Listing), int)
    add = text("INSERT INTO removed_papers (paper_id, removed_at) VALUES ('2603.00001', now())")
    removed = Read(select(func.count()).select_from(text("removed_papers")), int)
    async with database.write_session() as session:
        await session.execute(add)
        assert await reads.read_rows(session, removed) == [1]
        assert await reads.read_rows(session, count) == [0]
        await session.rollback()
    async with database.read_session() as session:
        assert await reads.read_rows(session, removed) == [0]


async def test_reading_stays_reading(database: Database) -> None:
    write = Read(select(func.setval("readers_id_seq", literal(7))), int)
    async with database.read_session() as session:
        assert await reads.read_rows(session, DOUBLED, number=1) == [2]
        with pytest.raises(InternalError):
            await reads.read_rows(session, write)


async def test_a_wrong_statement_is_a_bug_and_the_next_session_works(database: Database) -> None:
    broken = Read(select(1 / bindparam("number", type_=Integer)), int)
    async with database.read_session() as session:
        with pytest.raises(DataError) as caught:
            await reads.read_rows(session, broken, number=0)
    assert explain(caught.value) is None
    async with database.read_session() as session:
        assert await reads.read_rows(session, DOUBLED, number=2) == [4]


async def test_a_connection_that_is_lost_is_an_outage_and_the_next_session_has_another(
    database: Database,
) -> None:
    end = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = :pid")

    async def lose_connection() -> None:
        async with database.read_session() as session, database.read_session() as other:
            pid = await session.scalar(text("SELECT pg_backend_pid()"))
            await other.execute(end, {"pid": pid})
            await reads.read_rows(session, DOUBLED, number=1)

    with pytest.raises((psycopg.OperationalError, DBAPIError)) as caught:
        await lose_connection()
    assert explain(caught.value) is not None
    async with database.read_session() as session:
        assert await reads.read_rows(session, DOUBLED, number=2) == [4]


async def test_connections_that_the_server_ended_while_they_rested_are_replaced_without_a_question(
    database_url: str,
) -> None:
    others = text("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE pid = :pid")
    async with Database(database_url, pool_size=3) as database, Database(database_url) as judge:
        async with AsyncExitStack() as stack:
            sessions = [await stack.enter_async_context(database.read_session()) for _ in range(3)]
            pids = [await session.scalar(text("SELECT pg_backend_pid()")) for session in sessions]
        async with judge.read_session() as session:
            for pid in pids:
                assert await session.scalar(others, {"pid": pid})
        with sent_statements() as sent:
            for number in range(4):
                async with database.read_session() as session:
                    assert await reads.read_rows(session, DOUBLED, number=number) == [2 * number]
        assert len(sent) == 4
