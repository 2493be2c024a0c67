"""The export of one reader's data as JSON: every row that would be deleted with their account.

The tables' foreign keys tell which rows belong to a reader, so no domain can be forgotten. Hashes of secrets
are left out, and so are values that were computed from the data (vectors, bytes).
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, LargeBinary, Select, Table, or_, select
from sqlalchemy.types import UserDefinedType

from paperround import schema
from paperround.accounts.tables import Reader
from paperround.database import ReadSession

EXPORT_BATCH_SIZE: Final = 500  # rows held in memory


async def export_json(session: ReadSession, reader_id: int) -> AsyncIterator[str]:
    """Yield the JSON piece by piece: `{"readers": [{…}], "topics": […], …}`, with one name for each table."""
    yield "{"
    for number, (table, is_owned) in enumerate(_build_ownership_conditions(reader_id).items()):
        yield f"{',' * (number > 0)}\n{json.dumps(table.name)}: ["
        first = True
        rows = await session.stream(
            _build_query(table, is_owned), execution_options={"yield_per": EXPORT_BATCH_SIZE}
        )
        async for row in rows.mappings():
            yield f"{'' if first else ','}\n  {json.dumps(dict(row), default=str, ensure_ascii=False)}"
            first = False
        yield "]"
    yield "\n}\n"


def _build_ownership_conditions(reader_id: int) -> dict[Table, ColumnElement[bool]]:
    """Map each table that has rows of readers to the condition for those of this reader."""
    conditions: dict[Table, ColumnElement[bool]] = {}
    for (
        table
    ) in schema.load_metadata().sorted_tables:  # a table comes after those that its foreign keys point to
        if table is Reader.__table__:
            conditions[table] = table.c.id == reader_id
        elif paths := list(_list_ownership_paths(table, conditions)):
            conditions[table] = or_(*paths)
    return conditions


def _list_ownership_paths(
    table: Table, conditions: dict[Table, ColumnElement[bool]]
) -> Iterator[ColumnElement[bool]]:
    for key in table.foreign_keys:
        owner = key.column.table
        if owner in conditions and key.ondelete == "CASCADE":
            yield key.parent.in_(select(key.column).where(conditions[owner]))


def _build_query(table: Table, is_owned: ColumnElement[bool]) -> Select[Any]:
    columns = [column for column in table.c if _is_exported(column)]
    return select(*columns).where(is_owned).order_by(*table.primary_key.columns)


def _is_exported(column: Column[Any]) -> bool:
    is_computed = isinstance(column.type, LargeBinary | UserDefinedType)
    return not is_computed and not column.name.endswith("_hash")
