"""Rows that a statement gets as one JSON text, so that writing a list takes one round trip a table.

With a statement a row, each row would have its own message, its own run of the executor and of all triggers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic_core import to_json
from sqlalchemy import ColumnElement, Executable, Table, Text, bindparam, cast, column, func, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.sql.selectable import TableValuedAlias

from paperround.database import Base, WriteSession

ROWS: Final = "rows"  # the name of the parameter
MAX_ROWS: Final = 1_000  # in one text, to bound its size


def find_table(entity: type[Base]) -> Table:
    """The table of a class, for statements that make no objects."""
    return Base.metadata.tables[entity.__tablename__]


def given_rows(table: Table, names: Sequence[str], *others: ColumnElement[Any]) -> TableValuedAlias:
    """The rows of the parameter, with these columns of a table and `others`, for use in a statement.

    What a row lacks or has as None is NULL.
    """
    columns = [column(name, table.c[name].type) for name in names]
    rows = func.json_to_recordset(cast(bindparam(ROWS, type_=Text), JSON))
    return rows.table_valued(*columns, *others).render_derived(name="given", with_types=True)


def insert_given(table: Table, names: Sequence[str]) -> postgresql.Insert:
    """A statement that inserts the rows of the parameter, which have these columns of the table."""
    given = given_rows(table, names)
    return postgresql.insert(table).from_select(list(names), select(*given.c))


async def write_rows(session: WriteSession, statement: Executable, rows: Sequence[Mapping[str, Any]]) -> None:
    """Run a statement with rows that it reads by `given_rows`. Of a list one run has them all."""
    for start in range(0, len(rows), MAX_ROWS):
        chunk = to_json(list(rows[start : start + MAX_ROWS])).decode()
        await session.execute(statement, {ROWS: chunk})
