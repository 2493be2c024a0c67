"""What is kept about a reader: exported whole, and gone whole when they leave."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import JSON, Column, Table, func, insert, select

from paperround import schema
from paperround.accounts import export, readers, sign_in
from paperround.accounts.tables import ApiKey, Reader, Scope, SignInLink
from paperround.database import Database, Utc, WriteSession
from paperround.papers import votes
from paperround.papers.tables import Paper

from support.factories import HALF_LIFE, at, item, listed
from support.people import ADA, CYN, person

NOW = at("2026-03-10 12:00")
PAPER = "2603.00001"
SECRET = "s3cret"


def owned() -> list[Table]:
    """Every table in which a row belongs to a reader, straight or through another table; owners first."""
    found: list[Table] = []
    for table in schema.metadata().sorted_tables:
        owners = {key.column.table for key in table.foreign_keys if key.ondelete == "CASCADE"}
        if table.name == "readers" or owners & set(found):
            found.append(table)
    return found


def value(column: Column[Any], table: Table, ids: dict[str, int]) -> Any:
    """Something that the column takes."""
    for key in column.foreign_keys:
        return ids.get(key.column.table.name, PAPER)
    if column.name == "paper_id":
        return PAPER
    if column.name.endswith("_hash"):
        return f"{SECRET} {table.name} {ids['readers']}"
    if enum := getattr(column.type, "enum_class", None):
        return next(iter(enum))
    if isinstance(column.type, Utc):
        return NOW
    if isinstance(column.type, JSON):
        return []
    kind = column.type.python_type
    simple = {str: f"{table.name} {ids['readers']}", int: 1, date: NOW.date()}
    return simple[kind] if kind in simple else kind()


async def everywhere(session: WriteSession, reader_id: int) -> None:
    """A row of this reader's in every table that has any."""
    ids = {"readers": reader_id}
    for table in owned()[1:]:
        row = {
            column.name: value(column, table, ids)
            for column in table.c
            if not column.identity and (not column.nullable or column.foreign_keys)
        }
        row = {name: told for name, told in row.items() if table.c[name].server_default is None}
        made = await session.execute(insert(table).values(row).returning(*table.primary_key))
        first = made.one()
        if len(table.primary_key) == 1:
            ids[table.name] = first[0]


async def counts(database: Database) -> dict[str, int]:
    async with database.reading() as session:
        return {
            table.name: (await session.execute(select(func.count()).select_from(table))).scalar_one()
            for table in owned()
        }


@pytest.fixture
async def two(database: Database) -> tuple[int, int]:
    """Ada and Cyn, each with a row in every table."""
    await listed(database, "2026-03-02", item(PAPER))
    ids = []
    for email in (ADA, CYN):
        async with database.writing() as session:
            reader_id = await sign_in.reader_of(session, email, now=NOW)
            await everywhere(session, reader_id)
            ids.append(reader_id)
    return ids[0], ids[1]


async def exported(database: Database, reader_id: int) -> dict[str, list[dict[str, Any]]]:
    async with database.reading() as session:
        return json.loads("".join([piece async for piece in export.pieces(session, reader_id)]))


def test_everything_that_points_to_a_reader_goes_with_them():
    """A key that would keep the row, or stand in the way, is a mistake."""
    known = set(owned())
    for table in schema.metadata().sorted_tables:
        for key in table.foreign_keys:
            if key.column.table.name == "readers":
                assert key.ondelete == "CASCADE", f"{table.name}.{key.parent.name}"
                assert table in known


async def test_who_leaves_leaves_no_row_in_any_table_and_nobody_else_loses_one(database, two):
    ada, _ = two
    before = await counts(database)
    assert set(before.values()) == {2}, before
    async with database.writing() as session:
        await readers.leave(session, ada, half_life=HALF_LIFE)

    assert set((await counts(database)).values()) == {1}


async def test_links_to_their_address_go_too(database, two):
    ada, _ = two
    async with database.writing() as session:
        await sign_in.ask(session, ADA, now=NOW)
        await sign_in.ask(session, CYN, now=NOW)
        await readers.leave(session, ada, half_life=HALF_LIFE)

    async with database.reading() as session:
        left = set(await session.scalars(select(SignInLink.email)))
    assert ADA not in left
    assert CYN in left


async def test_their_votes_no_longer_count(database):
    await listed(database, "2026-03-02", item(PAPER))
    ada = await person(database, now=NOW)
    async with database.reading() as session:
        before = (await session.execute(select(Paper.heat, Paper.local_upvotes))).one()
    async with database.writing() as session:
        await votes.upvote(session, ada.id, PAPER, now=NOW + timedelta(hours=1), half_life=HALF_LIFE)
        await readers.leave(session, ada.id, half_life=HALF_LIFE)

    async with database.reading() as session:
        assert (await session.execute(select(Paper.heat, Paper.local_upvotes))).one() == before


async def test_the_export_has_their_rows_of_every_table_and_nobody_elses(database, two):
    ada, cyn = two
    found = await exported(database, ada)

    assert set(found) == {table.name for table in owned()}
    assert {name: len(rows) for name, rows in found.items()} == dict.fromkeys(found, 1)
    assert found["readers"][0]["email"] == ADA
    everything = json.dumps(found)
    assert CYN not in everything
    assert f' {cyn}"' not in everything


async def test_the_export_has_no_secret_and_no_hash_of_one(database, two):
    found = json.dumps(await exported(database, two[0]))

    assert SECRET not in found
    assert "_hash" not in found


async def test_the_export_of_much_is_whole(database, two):
    async with database.writing() as session:
        session.add_all(
            ApiKey(
                reader_id=two[0], name=f"“{n}”", hint="", token_hash=f"{n}", scope=Scope.read, created_at=NOW
            )
            for n in range(1200)
        )
    found = await exported(database, two[0])

    assert len(found["api_keys"]) == 1201
    assert found["api_keys"][-1]["name"] == "“1199”"


async def test_the_export_of_nobody_is_empty(database):
    assert set(map(len, (await exported(database, 77)).values())) == {0}


async def test_who_left_may_come_back_as_new(database, two):
    async with database.writing() as session:
        await readers.leave(session, two[0], half_life=HALF_LIFE)
        again = await sign_in.reader_of(session, ADA, now=NOW)
        assert again != two[0]
        assert (await session.get_one(Reader, again)).name == ""
