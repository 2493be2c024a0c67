"""A reader's data is export_rows completely, and deleted completely with the reader."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import JSON, Column, Table, func, insert, select

from paperround import schema
from paperround.accounts import export, readers, sign_in
from paperround.accounts.tables import ApiKey, Reader, Scope, SignInLink
from paperround.database import Database, UtcDateTime, WriteSession
from paperround.papers import votes
from paperround.papers.tables import Paper

from support.factories import HALF_LIFE, feed_record, store_listing, utc
from support.people import ADA, CYN, add_person

NOW = utc("2026-03-10 12:00")
PAPER = "2603.00001"
SECRET = "s3cret"


def list_owned_tables() -> list[Table]:
    """List the tables whose rows belong to a reader, directly or through another table, owners first."""
    tables: list[Table] = []
    for table in schema.load_metadata().sorted_tables:
        owners = {key.column.table for key in table.foreign_keys if key.ondelete == "CASCADE"}
        if table.name == "readers" or owners & set(tables):
            tables.append(table)
    return tables


def build_value(column: Column[Any], table: Table, ids: dict[str, int]) -> Any:
    """Build a value that the column accepts."""
    length = getattr(column.type, "length", None)
    for key in column.foreign_keys:
        return ids.get(key.column.table.name, PAPER)
    if column.name == "paper_id":
        return PAPER
    if column.name.endswith("_hash"):
        return f"{SECRET} {table.name} {ids['readers']}"[:length]
    if enum := getattr(column.type, "enum_class", None):
        return next(iter(enum))
    if isinstance(column.type, UtcDateTime):
        return NOW
    if isinstance(column.type, JSON):
        return []
    kind = column.type.python_type
    simple = {str: f"{table.name} {ids['readers']}"[:length], int: 1, date: NOW.date()}
    return simple[kind] if kind in simple else kind()


async def insert_everywhere(session: WriteSession, reader_id: int) -> None:
    """Insert a row of this reader's into every such table."""
    ids = {"readers": reader_id}
    for table in list_owned_tables()[1:]:
        row = {
            column.name: build_value(column, table, ids)
            for column in table.c
            if not column.identity
            and (not column.nullable or column.foreign_keys or column.name == "content")
        }
        row = {name: content for name, content in row.items() if table.c[name].server_default is None}
        result = await session.execute(insert(table).values(row).returning(*table.primary_key))
        key = result.one()
        if len(table.primary_key) == 1:
            ids[table.name] = next(iter(key))


async def count_rows(database: Database) -> dict[str, int]:
    async with database.read_session() as session:
        return {
            table.name: (await session.execute(select(func.count()).select_from(table))).scalar_one()
            for table in list_owned_tables()
        }


@pytest.fixture
async def two_readers(database: Database) -> tuple[int, int]:
    """The ids of Ada and Cyn, who have a row in every table."""
    await store_listing(database, "2026-03-02", feed_record(PAPER))
    ids = []
    for email in (ADA, CYN):
        async with database.write_session() as session:
            reader_id = await sign_in.get_or_create_reader(session, email, now=NOW)
            await insert_everywhere(session, reader_id)
            ids.append(reader_id)
    return ids[0], ids[1]


async def export_rows(database: Database, reader_id: int) -> dict[str, list[dict[str, Any]]]:
    async with database.read_session() as session:
        return json.loads("".join([piece async for piece in export.export_json(session, reader_id)]))


def test_every_foreign_key_to_readers_cascades() -> None:
    """A foreign key that keeps the row or prevents its deletion is a mistake."""
    owned_tables = set(list_owned_tables())
    for table in schema.load_metadata().sorted_tables:
        for key in table.foreign_keys:
            if key.column.table.name == "readers":
                assert key.ondelete == "CASCADE", f"{table.name}.{key.parent.name}"
                assert table in owned_tables


async def test_deleting_a_reader_deletes_their_rows_in_every_table_and_no_others(
    database: Database, two_readers: tuple[int, int]
) -> None:
    ada, _ = two_readers
    before = await count_rows(database)
    assert set(before.values()) == {2}, before
    async with database.write_session() as session:
        await readers.delete_reader(session, ada, half_life=HALF_LIFE)

    assert set((await count_rows(database)).values()) == {1}


async def test_links_to_the_address_are_deleted_too(database: Database, two_readers: tuple[int, int]) -> None:
    ada, _ = two_readers
    async with database.write_session() as session:
        await sign_in.request_link(session, ADA, now=NOW)
        await sign_in.request_link(session, CYN, now=NOW)
        await readers.delete_reader(session, ada, half_life=HALF_LIFE)

    async with database.read_session() as session:
        remaining = set(await session.scalars(select(SignInLink.email)))
    assert ADA not in remaining
    assert CYN in remaining


async def test_votes_of_a_deleted_reader_no_longer_count(database: Database) -> None:
    await store_listing(database, "2026-03-02", feed_record(PAPER))
    ada = await add_person(database, now=NOW)
    async with database.read_session() as session:
        before = (await session.execute(select(Paper.heat, Paper.local_upvotes))).one()
    async with database.write_session() as session:
        await votes.add_upvote(session, ada.id, PAPER, now=NOW + timedelta(hours=1), half_life=HALF_LIFE)
        await readers.delete_reader(session, ada.id, half_life=HALF_LIFE)

    async with database.read_session() as session:
        assert (await session.execute(select(Paper.heat, Paper.local_upvotes))).one() == before


async def test_the_export_has_their_rows_of_every_table_and_nobody_elses(
    database: Database, two_readers: tuple[int, int]
) -> None:
    ada, cyn = two_readers
    exported = await export_rows(database, ada)

    assert set(exported) == {table.name for table in list_owned_tables()}
    assert {name: len(rows) for name, rows in exported.items()} == dict.fromkeys(exported, 1)
    assert exported["readers"][0]["email"] == ADA
    everything = json.dumps(exported)
    assert CYN not in everything
    assert f' {cyn}"' not in everything


async def test_the_export_has_no_secret_and_no_hash_of_one(
    database: Database, two_readers: tuple[int, int]
) -> None:
    exported = json.dumps(await export_rows(database, two_readers[0]))

    assert SECRET not in exported
    assert "_hash" not in exported


async def test_a_long_export_is_complete(database: Database, two_readers: tuple[int, int]) -> None:
    async with database.write_session() as session:
        session.add_all(
            ApiKey(
                reader_id=two_readers[0],
                name=f"“{n}”",
                hint="",
                token_hash=f"{n}",
                scope=Scope.read,
                created_at=NOW,
            )
            for n in range(1200)
        )
    exported = await export_rows(database, two_readers[0])

    assert len(exported["api_keys"]) == 1201
    assert exported["api_keys"][-1]["name"] == "“1199”"


async def test_the_export_of_an_unknown_reader_is_empty(database: Database) -> None:
    assert set(map(len, (await export_rows(database, 77)).values())) == {0}


async def test_a_deleted_reader_may_sign_up_again(database: Database, two_readers: tuple[int, int]) -> None:
    async with database.write_session() as session:
        await readers.delete_reader(session, two_readers[0], half_life=HALF_LIFE)
        again = await sign_in.get_or_create_reader(session, ADA, now=NOW)
        assert again != two_readers[0]
        assert (await session.get_one(Reader, again)).name == ""
