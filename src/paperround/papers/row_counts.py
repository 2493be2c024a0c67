"""How many rows big tables have, told by what writers noted rather than by reading the tables.

Triggers add a row for each statement that adds or takes away rows (`count_rows` in the migrations), within
its transaction. The sum of all is exact at any moment, and no writer waits for another. `fold_row_counts`
makes one row of many now and then.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, ColumnElement, Identity, Integer, Text, delete, func, insert, select
from sqlalchemy.orm import Mapped, mapped_column

from paperround.database import Base, Database, ReadSession

MAX_UNFOLDED: Final = 200  # rows that a page adds up without it mattering


class RowCount(Base):
    """By how much the number of rows of a table and kind changed; the sum is their number."""

    __tablename__ = "row_counts"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    relation: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    change: Mapped[int] = mapped_column(BigInteger)


def counted(relation: str, kind: str | ColumnElement[str] = "") -> ColumnElement[int]:
    """The number of rows of this kind in a table that is counted, for use in a statement."""
    total = select(func.coalesce(func.sum(RowCount.change), 0).cast(Integer))
    return total.where(RowCount.relation == relation, RowCount.kind == kind).scalar_subquery()


async def load_kinds(session: ReadSession, relation: str) -> dict[str, int]:
    """Load the number of rows of each kind in a table that is counted."""
    total = func.sum(RowCount.change).cast(Integer)
    query = select(RowCount.kind, total).where(RowCount.relation == relation).group_by(RowCount.kind)
    return dict((await session.execute(query.having(total != 0))).all())


async def fold_row_counts(database: Database, *, at_most: int = MAX_UNFOLDED) -> None:
    """Replace the rows by one for each table and kind, where there are more than `at_most`.

    One statement does it, so that whoever reads meanwhile sees the sum of either.
    """
    async with database.write_session() as session:
        rows = await session.execute(select(func.count()).select_from(RowCount))
        if rows.scalar_one() <= at_most:
            return
        gone = delete(RowCount).returning(RowCount.relation, RowCount.kind, RowCount.change).cte("gone")
        total = func.sum(gone.c.change)
        folded = select(gone.c.relation, gone.c.kind, total).group_by(gone.c.relation, gone.c.kind)
        await session.execute(
            insert(RowCount).from_select(["relation", "kind", "change"], folded.having(total != 0))
        )
