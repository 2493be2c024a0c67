"""The index of a model's vectors, made while everything runs, on a real PostgreSQL."""

from __future__ import annotations

import asyncio

import psycopg
import pytest
from sqlalchemy import text

from paperround import schema
from paperround.conninfo import build_conninfo
from paperround.database import Database
from paperround.embeddings import index

from support.vectors import add_papers_with_vectors

VALIDITY = text(
    "SELECT relname, indisvalid FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid"
    " WHERE relname LIKE 'embeddings\\_model\\_%'"
)


@pytest.fixture(autouse=True)
def _worth_it_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "MIN_INDEXED_VECTORS", 10)


async def indexes(database: Database) -> dict[str, bool]:
    async with database.read_session() as session:
        return dict((await session.execute(VALIDITY)).all())


async def test_a_model_gets_an_index_once_it_has_enough_vectors(database: Database) -> None:
    model = await add_papers_with_vectors(database, 9)
    assert await index.ensure(database, model)
    assert await indexes(database) == {}

    await add_papers_with_vectors(database, 10)
    assert await index.ensure(database, model)
    assert await index.ensure(database, model)
    assert await indexes(database) == {f"embeddings_model_{model}_idx": True}


async def test_each_model_has_its_own_whatever_the_length_of_its_vectors(database: Database) -> None:
    models = [await add_papers_with_vectors(database, 12, model=f"m{n}", dimensions=n) for n in (3, 8)]
    for model in models:
        assert await index.ensure(database, model)

    assert await indexes(database) == {index.build_index_name(model): True for model in models}
    schema.compare_with_models(database.owner_url)  # the tables still agree with the migrations


async def test_an_index_whose_making_was_interrupted_is_made_again(database: Database) -> None:
    """A writer's open transaction holds the making up; it is killed there, and leaves an invalid index."""
    model = await add_papers_with_vectors(database, 20)
    async with database.write_session() as session:
        await session.execute(text("UPDATE embeddings SET failures = 0"))
        making = asyncio.create_task(index.ensure(database, model))
        await until(database, "wait_event_type = 'Lock' AND query LIKE '%CREATE INDEX%'")
        kill(database, "query LIKE '%CREATE INDEX%'")
        with pytest.raises(psycopg.OperationalError):
            await making
    assert await indexes(database) == {index.build_index_name(model): False}

    assert await index.ensure(database, model)
    assert await indexes(database) == {index.build_index_name(model): True}


async def test_an_index_that_parallel_workers_have_no_shared_memory_for_is_made_without_them(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server refuses as it does where /dev/shm is small."""
    monkeypatch.setattr(
        index,
        "CREATE",
        """DO $$ BEGIN
            IF current_setting('max_parallel_maintenance_workers') <> '0' THEN
                RAISE 'could not resize shared memory segment: No space left' USING ERRCODE = '53100';
            END IF;
            CREATE INDEX {index} ON embeddings
            USING hnsw ((vector::halfvec({dimensions})) halfvec_cosine_ops) WITH (m = {links})
            WHERE model_id = {model} AND vector IS NOT NULL;
        END $$""",
    )
    model = await add_papers_with_vectors(database, 12)
    assert await index.ensure(database, model)
    assert await indexes(database) == {index.build_index_name(model): True}


async def test_two_makers_make_one_and_who_waits_finds_it_made(database: Database) -> None:
    model = await add_papers_with_vectors(database, 20)
    async with database.write_session() as session:
        await session.execute(text("UPDATE embeddings SET failures = 0"))
        first = asyncio.create_task(index.ensure(database, model))
        await until(database, "wait_event_type = 'Lock' AND query LIKE '%CREATE INDEX%'")
        assert await index.ensure(database, model) is False
        patient = asyncio.create_task(index.ensure(database, model, wait=True))
        await asyncio.sleep(0.1)
        assert not patient.done()

    assert [*await asyncio.wait_for(asyncio.gather(first, patient), 60)] == [True, True]
    assert await indexes(database) == {index.build_index_name(model): True}


async def test_a_dropped_index_is_gone(database: Database) -> None:
    model = await add_papers_with_vectors(database, 20)
    await index.ensure(database, model)
    await index.drop(database, model)
    await index.drop(database, model)

    assert await indexes(database) == {}


async def until(database: Database, condition: str) -> None:
    """Until a connection to this database is in a state of that kind."""
    others = "datname = current_database() AND pid <> pg_backend_pid()"
    seen = f"SELECT 1 FROM pg_stat_activity WHERE {others} AND {condition}"
    async with await psycopg.AsyncConnection.connect(
        build_conninfo(database.owner_url), autocommit=True
    ) as connection:
        async with asyncio.timeout(60):
            while not await (await connection.execute(seen)).fetchone():
                await asyncio.sleep(0.02)


def kill(database: Database, condition: str) -> None:
    with psycopg.connect(build_conninfo(database.owner_url), autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            f" WHERE datname = current_database() AND pid <> pg_backend_pid() AND {condition}"
        )
