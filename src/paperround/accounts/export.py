"""All of one reader's data as JSON: every row that would go with their account, whichever domain keeps it.

What hangs on a reader is read from the tables' foreign keys, so that no domain can be forgotten. Hashes of
secrets stay out, and so does what was computed from the data (vectors, bytes).
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

AT_ONCE: Final = 500  # rows held in memory


async def pieces(session: ReadSession, reader_id: int) -> AsyncIterator[str]:
    """The JSON, piece by piece: `{"readers": [{…}], "topics": […], …}`, one name a table."""
    yield "{"
    for number, (table, mine) in enumerate(_belongings(reader_id).items()):
        yield f"{',' * (number > 0)}\n{json.dumps(table.name)}: ["
        first = True
        rows = await session.stream(_shown(table, mine), execution_options={"yield_per": AT_ONCE})
        async for row in rows.mappings():
            yield f"{'' if first else ','}\n  {json.dumps(dict(row), default=str, ensure_ascii=False)}"
            first = False
        yield "]"
    yield "\n}\n"


def _belongings(reader_id: int) -> dict[Table, ColumnElement[bool]]:
    """Each table with rows of the reader's, and which those are."""
    found: dict[Table, ColumnElement[bool]] = {}
    for table in schema.metadata().sorted_tables:  # those that are pointed to come first
        if table is Reader.__table__:
            found[table] = table.c.id == reader_id
        elif ways := list(_ways(table, found)):
            found[table] = or_(*ways)
    return found


def _ways(table: Table, found: dict[Table, ColumnElement[bool]]) -> Iterator[ColumnElement[bool]]:
    for key in table.foreign_keys:
        owner = key.column.table
        if owner in found and key.ondelete == "CASCADE":
            yield key.parent.in_(select(key.column).where(found[owner]))


def _shown(table: Table, mine: ColumnElement[bool]) -> Select[Any]:
    columns = [column for column in table.c if _readable(column)]
    return select(*columns).where(mine).order_by(*table.primary_key.columns)


def _readable(column: Column[Any]) -> bool:
    computed = isinstance(column.type, LargeBinary | UserDefinedType)
    return not computed and not column.name.endswith("_hash")
