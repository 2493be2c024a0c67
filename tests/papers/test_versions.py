"""Whoever changes what pages show has told of it once it is committed, in whatever way they wrote."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select, text

from paperround import schema
from paperround.database import Database
from paperround.papers.tables import TRIGGER_FUNCTIONS, CatalogueChange, CatalogueVersion
from paperround.papers.versions import Version, VersionWatch, watching

from support.factories import feed_record, store_listing

# What no page for anybody shows, or shows for a second at most (`/status`).
NOT_SHOWN = frozenset(
    {
        "address_notices", "alembic_version", "api_keys", "attempts", "catalogue_changes",
        "catalogue_version", "changed_texts", "channels", "compatible_code", "deliveries",
        "follows", "judgments", "match_explanations", "measured_catalogues", "paper_texts",
        "ratings", "readers", "records", "removed_papers", "request_rates", "row_counts",
        "saved_papers", "sender_progress", "senders", "sessions", "sign_in_links", "signing_keys",
        "submissions", "subscriptions", "text_days", "thumbnails", "topic_days", "topic_directions",
        "topic_examples", "topic_fits", "topic_library_entries", "topics", "zotero_connections",
        "zotero_items",
    }
)  # fmt: skip


async def load_version(database: Database) -> Version:
    async with database.read_session() as session:
        row = (await session.execute(select(CatalogueVersion.papers, CatalogueVersion.vectors))).one()
    return Version(*row)


async def run(database: Database, *statements: str) -> None:
    async with database.write_session() as session:
        for statement in statements:
            await session.execute(text(statement))


async def test_every_table_that_a_page_shows_tells_of_changes(database: Database) -> None:
    async with database.read_session() as session:
        found = await session.scalars(
            text("SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname = 'note_change'")
        )
        functions = await session.scalars(
            text("SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prolang ="
                 " (SELECT oid FROM pg_language WHERE lanname = 'plpgsql')")
        )  # fmt: skip
    assert {*found} == schema.list_tables() - NOT_SHOWN
    assert schema.list_tables() >= NOT_SHOWN
    assert {*functions} == {*TRIGGER_FUNCTIONS}


@pytest.mark.parametrize(
    ("statement", "papers", "vectors"),
    [
        ("UPDATE papers SET local_upvotes = local_upvotes + 1", 1, 0),
        ("DELETE FROM listings", 1, 0),
        ("DELETE FROM papers", 1, 1),  # the vectors go with them
        ("TRUNCATE signals", 1, 0),
        ("UPDATE embedding_models SET state = state", 0, 1),
        ("UPDATE senders SET id = id", 0, 0),
    ],
)
async def test_a_transaction_counts_once_for_what_it_changed(
    database: Database, statement: str, papers: int, vectors: int
) -> None:
    await store_listing(database, "2026-03-02", feed_record("2603.00001"))
    before = await load_version(database)
    await run(database, statement, statement)

    after = await load_version(database)
    assert (after.papers - before.papers, after.vectors - before.vectors) == (papers, vectors)
    async with database.read_session() as session:
        assert (await session.scalars(select(CatalogueChange))).all() == []


async def test_what_is_rolled_back_counts_for_nothing_and_a_savepoint_as_far_as_it_goes(
    database: Database,
) -> None:
    before = await load_version(database)
    async with database.write_session() as session:
        await session.execute(text("DELETE FROM papers"))
        await session.rollback()
    assert await load_version(database) == before

    async with database.write_session() as session:
        savepoint = await session.begin_nested()
        await session.execute(text("DELETE FROM listings"))
        await savepoint.rollback()
        await session.execute(text("DELETE FROM listings"))
    assert await load_version(database) == before._replace(papers=before.papers + 1)


async def test_writers_of_both_kinds_neither_wait_for_each_other_nor_for_the_version(
    database: Database,
) -> None:
    before = await load_version(database)
    async with database.write_session() as long, asyncio.timeout(30):
        await long.execute(text("DELETE FROM listings"))
        await long.execute(text("DELETE FROM embeddings"))
        await run(database, "DELETE FROM embeddings", "DELETE FROM signals")
        assert await load_version(database) == (before.papers + 1, before.vectors + 1)
    assert await load_version(database) == (before.papers + 2, before.vectors + 2)


async def wait_until_it_knows(watch: VersionWatch, version: Version) -> None:
    async with asyncio.timeout(30):
        while watch.recall() != version:
            await asyncio.sleep(0.01)


async def test_a_watch_is_told_without_asking(database: Database, database_url: str) -> None:
    async with watching(database_url, max_age=timedelta(hours=1)) as watch:
        await wait_until_it_knows(watch, await load_version(database))
        await run(database, "DELETE FROM listings")
        await wait_until_it_knows(watch, await load_version(database))


async def test_a_watch_that_is_told_nothing_looks_when_it_is_relied_on(
    database: Database, database_url: str
) -> None:
    async with watching(database_url, max_age=timedelta(0)) as watch:
        async with asyncio.timeout(30):
            while await watch.confirm() is None:
                await asyncio.sleep(0.01)
        await mute(database)
        for _ in range(3):
            await run(database, "DELETE FROM listings")
            known = await asyncio.gather(*(watch.confirm() for _ in range(3)))
            assert {*known} == {await load_version(database)}
            assert watch.recall() is None


async def mute(database: Database) -> None:
    """Count changes, but tell nobody: what a listener behind a pooler of transactions hears."""
    await run(
        database,
        "CREATE OR REPLACE FUNCTION tell_catalogue_change() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN UPDATE public.catalogue_version SET papers = papers + 1; RETURN NULL; END'",
    )


async def test_a_watch_connects_again_and_knows_nothing_meanwhile(
    database: Database, database_url: str
) -> None:
    async with watching(database_url, max_age=timedelta(hours=1)) as watch:
        await wait_until_it_knows(watch, await load_version(database))
        stop = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%catalogue_v%'"
                    " AND pid <> pg_backend_pid() AND datname = current_database()")  # fmt: skip
        async with database.write_session() as session:
            await session.execute(stop)
            await session.execute(text("DELETE FROM listings"))
        await wait_until_it_knows(watch, await load_version(database))


async def test_a_version_is_shown_a_moment_longer_and_never_for_a_second_after_a_change(
    database: Database, database_url: str
) -> None:
    now = 100.0
    watch = VersionWatch(clock=lambda: now)
    task = asyncio.create_task(watch.watch(database_url))
    first = await load_version(database)
    await wait_until_it_knows(watch, first)
    now = 100.05
    await run(database, "DELETE FROM listings")
    await wait_until_it_knows(watch, second := await load_version(database))
    for now, is_replaced, may_show in (
        (100.05, False, True), (100.09, False, True), (100.11, True, True), (100.89, True, True),
        (100.91, True, False), (101.0, True, False), (200.0, True, False),
    ):  # fmt: skip
        assert (watch.is_replaced(first), watch.may_show(first)) == (is_replaced, may_show), now
        assert not watch.is_replaced(second)
    assert not watch.may_show(Version(0, 0))
    await wait_until_it_knows(watch, second)  # who was shown it made the watch look again
    assert watch.may_show(second)
    task.cancel()
    await asyncio.wait([task])


async def test_a_watch_of_no_database_knows_nothing() -> None:
    async with watching("postgresql://nobody@127.0.0.1:1/none", max_age=timedelta(0)) as watch:
        assert watch.recall() is None
        assert await watch.confirm() is None
