"""The schema: made from nothing, taken back, by several migrators at once; a wrong one is refused."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest
from sqlalchemy import select, text

from paperround import schema
from paperround.database import Database
from paperround.papers.tables import Paper

from support.databases import run_sql
from support.factories import feed_record, store_listing

UPGRADE = "import sys; from paperround import schema; schema.upgrade(sys.argv[1])"


async def load_state(url: str) -> schema.SchemaState:
    database = Database(url)
    try:
        async with database.read_session() as session:
            return await schema.load_state(session)
    finally:
        await database.close()


async def refusal(url: str) -> str:
    database = Database(url)
    try:
        async with database.read_session() as session:
            with pytest.raises(schema.SchemaError) as error:
                await schema.require_usable(session)
    finally:
        await database.close()
    return error.value.detail


def test_an_empty_database_is_brought_up_to_date_and_again_changes_nothing(bare_database_url: str) -> None:
    for _ in range(2):
        schema.upgrade(bare_database_url)
        state = asyncio.run(load_state(bare_database_url))
        assert state == schema.SchemaState(
            schema.expected_revision(), schema.expected_revision(), is_usable=True
        )


def test_tables_and_migrations_agree(database_url: str) -> None:
    schema.compare_with_models(database_url)


async def test_down_and_up_again_leaves_a_working_schema(database_url: str, database: Database) -> None:
    await store_listing(database, "2026-03-02", feed_record())
    await database.close()
    await asyncio.to_thread(schema.downgrade, database_url, "base")
    assert "no Paperround schema" in await refusal(database_url)
    await asyncio.to_thread(schema.upgrade, database_url)
    schema.compare_with_models(database_url)
    await store_listing(database, "2026-03-02", feed_record())


async def test_a_step_down_and_up_keeps_the_rows_of_the_tables_that_stay(
    database_url: str, database: Database
) -> None:
    await store_listing(database, "2026-03-02", feed_record())
    await database.close()
    await asyncio.to_thread(schema.downgrade, database_url, "-1")
    assert f"expects {schema.expected_revision()}" in await refusal(database_url)
    await asyncio.to_thread(schema.upgrade, database_url)
    async with database.read_session() as session:
        await schema.require_usable(session)
        assert await session.scalar(select(Paper.id)) == "2603.00001"
        assert await session.scalar(text("SELECT count(*) FROM jobs.procrastinate_jobs")) == 0


def test_migrators_at_once_take_turns(bare_database_url: str) -> None:
    migrators = [
        subprocess.Popen([sys.executable, "-c", UPGRADE, bare_database_url], stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    for migrator in migrators:
        _, errors = migrator.communicate(timeout=120)
        assert migrator.returncode == 0, errors.decode()
    schema.compare_with_models(bare_database_url)
    assert asyncio.run(load_state(bare_database_url)).is_usable


async def test_an_empty_database_is_refused(bare_database_url: str) -> None:
    reason = await refusal(bare_database_url)
    assert "no Paperround schema" in reason
    assert schema.expected_revision() in reason
    assert "paperround db upgrade" in reason


@pytest.mark.parametrize("half_made", ["", "DROP TABLE compatible_code"])
async def test_an_unknown_revision_is_refused_by_what_was_found_and_what_is_expected(
    database_url: str, half_made: str
) -> None:
    run_sql(
        database_url, "UPDATE alembic_version SET version_num = 'feedc0ffee00'", *filter(None, [half_made])
    )
    reason = await refusal(database_url)
    assert "feedc0ffee00" in reason
    assert schema.expected_revision() in reason


async def test_a_newer_revision_that_names_ours_as_one_that_works_is_used(database_url: str) -> None:
    run_sql(
        database_url,
        "UPDATE alembic_version SET version_num = 'feedc0ffee00'",
        f"INSERT INTO compatible_code VALUES ('{schema.expected_revision()}')",
    )
    state = await load_state(database_url)
    assert (state.revision, state.is_usable) == ("feedc0ffee00", True)


def test_indexes_of_vectors_made_while_running_are_no_difference(database_url: str) -> None:
    run_sql(database_url, "CREATE INDEX embeddings_model_7_idx ON embeddings (model_id)")
    schema.compare_with_models(database_url)
