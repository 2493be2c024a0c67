"""The reading list: save a paper, mark it read, note something on it, find it again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import Select, and_, delete, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import contains_eager

from paperround.accounts.tables import Reader
from paperround.database import ReadSession, WriteSession
from paperround.library.tables import Saved
from paperround.papers.editions import WITH_NAMES, Place
from paperround.papers.tables import Paper

MOST_SAVED: Final = 5000
LONGEST_NOTE: Final = 2000  # characters


class CannotSave(ValueError):
    """The reading list is full, or a note too long. The text says which, to the reader."""


async def save(session: WriteSession, reader_id: int, paper_id: str, *, now: datetime) -> None:
    """Put a paper of the catalogue on the list; again changes nothing. Raises `CannotSave`."""
    # One at a time for a reader, so that two at once can't pass the bound.
    await session.execute(select(Reader.id).where(Reader.id == reader_id).with_for_update(key_share=True))
    mine = Saved.reader_id == reader_id
    others = await session.scalar(select(func.count()).where(mine, Saved.paper_id != paper_id))
    if (others or 0) >= MOST_SAVED:
        raise CannotSave(f"Your reading list is full: {MOST_SAVED:,} papers. Take some off it first.")
    there = select(literal(reader_id), Paper.id, literal(now, Saved.saved_at.type)).where(
        Paper.id == paper_id
    )
    new = insert(Saved).from_select(["reader_id", "paper_id", "saved_at"], there)
    await session.execute(new.on_conflict_do_nothing())


async def take_off(session: WriteSession, reader_id: int, paper_id: str) -> None:
    """Its note and mark go with it."""
    await session.execute(delete(Saved).where(Saved.reader_id == reader_id, Saved.paper_id == paper_id))


async def mark(session: WriteSession, reader_id: int, paper_id: str, *, read: bool, now: datetime) -> bool:
    """Mark a saved paper as read or not; whether it is on the list."""
    return await _change(session, reader_id, paper_id, read_at=now if read else None)


async def note(session: WriteSession, reader_id: int, paper_id: str, text: str) -> bool:
    """Replace the note; whether the paper is on the list. Raises `CannotSave`."""
    text = text.replace("\r\n", "\n").strip()
    if len(text) > LONGEST_NOTE:
        raise CannotSave(f"A note has at most {LONGEST_NOTE:,} characters; this one has {len(text):,}.")
    return await _change(session, reader_id, paper_id, note=text)


async def _change(
    session: WriteSession, reader_id: int, paper_id: str, **values: datetime | str | None
) -> bool:
    row = update(Saved).where(Saved.reader_id == reader_id, Saved.paper_id == paper_id)
    return await session.scalar(row.values(**values).returning(Saved.paper_id)) is not None


async def saved(session: ReadSession, reader_id: int, paper_ids: Sequence[str]) -> frozenset[str]:
    """Which of these papers are on the list."""
    query = select(Saved.paper_id).where(Saved.reader_id == reader_id, Saved.paper_id.in_(paper_ids))
    return frozenset(await session.scalars(query))


def saved_ids(reader_id: int) -> Select[str]:
    """As a condition of a search."""
    return select(Saved.paper_id).where(Saved.reader_id == reader_id)


class Shelf(NamedTuple):
    """Part of a reading list; `more` is where it goes on, None at its end."""

    rows: Sequence[Saved]
    more: Place | None


class Totals(NamedTuple):
    papers: int
    unread: int


async def totals(session: ReadSession, reader_id: int) -> Totals:
    unread = func.count().filter(Saved.read_at.is_(None))
    row = (await session.execute(select(func.count(), unread).where(Saved.reader_id == reader_id))).one()
    return Totals(*row)


async def reading_list(
    session: ReadSession, reader_id: int, *, unread: bool = False, limit: int, after: Place | None = None
) -> Shelf:
    """Saved papers, the last saved first. `unread`: those alone."""
    query = _with_papers().where(Saved.reader_id == reader_id)
    if unread:
        query = query.where(Saved.read_at.is_(None))
    if after is not None:
        later = and_(Saved.saved_at == after.key, Saved.paper_id > after.paper_id)
        query = query.where(Saved.saved_at <= after.key, or_(Saved.saved_at < after.key, later))
    ordered = query.order_by(Saved.saved_at.desc(), Saved.paper_id).limit(limit + 1)
    rows = (await session.scalars(ordered)).all()
    shown = rows[:limit]
    more = Place(shown[-1].saved_at, shown[-1].paper_id) if len(rows) > limit else None
    return Shelf(shown, more)


async def of_papers(session: ReadSession, reader_id: int, paper_ids: Sequence[str]) -> dict[str, Saved]:
    """Those of these papers that are on the list, each with its paper."""
    query = _with_papers().where(Saved.reader_id == reader_id, Saved.paper_id.in_(paper_ids))
    return {row.paper_id: row for row in await session.scalars(query)}


def _with_papers() -> Select[Saved]:
    return select(Saved).join(Saved.paper).options(contains_eager(Saved.paper).options(*WITH_NAMES))
