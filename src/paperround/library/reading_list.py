"""The reading list has a reader's saved papers, each with a note and the time at which it was read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import (
    Integer,
    Select,
    Text,
    and_,
    any_,
    bindparam,
    delete,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert

from paperround.accounts.tables import Reader
from paperround.database import ReadSession, WriteSession
from paperround.errors import PaperroundError
from paperround.i18n.formats import format_number
from paperround.i18n.messages import gettext as _
from paperround.i18n.messages import mark_message
from paperround.library.tables import SavedPaper
from paperround.papers.editions import ListPosition, Sort, load_papers
from paperround.papers.rows import PaperRow
from paperround.papers.tables import Paper
from paperround.reads import Asked, Read, RoundTrip

MAX_SAVED_PAPERS: Final = 5000
MAX_NOTE_LENGTH: Final = 2000  # characters
SAVED_ORDER: Final = Sort.published  # as which cursors name the order of saving: both are by time


class PaperNotSaved(PaperroundError):
    """The reading list is full or a note is too long. The message tells the reader which."""

    title = mark_message("Not kept")
    status = 400


async def save_paper(session: WriteSession, reader_id: int, paper_id: str, *, now: datetime) -> None:
    """Save a paper of the catalogue to the list. Saving it again changes nothing. Raises `PaperNotSaved`."""
    # The lock keeps two concurrent requests of a reader from exceeding the limit.
    await session.execute(select(Reader.id).where(Reader.id == reader_id).with_for_update(key_share=True))
    on_list = SavedPaper.reader_id == reader_id
    other_papers = await session.scalar(select(func.count()).where(on_list, SavedPaper.paper_id != paper_id))
    if (other_papers or 0) >= MAX_SAVED_PAPERS:
        raise PaperNotSaved(
            _(
                "Your reading list is full: %(max_saved_papers)s papers. Remove some first.",
                max_saved_papers=format_number(MAX_SAVED_PAPERS),
            )
        )
    row = select(literal(reader_id), Paper.id, literal(now, SavedPaper.saved_at.type)).where(
        Paper.id == paper_id
    )
    statement = insert(SavedPaper).from_select(["reader_id", "paper_id", "saved_at"], row)
    await session.execute(statement.on_conflict_do_nothing())


async def unsave_paper(session: WriteSession, reader_id: int, paper_id: str) -> None:
    """Remove a paper from the list, along with its note."""
    await session.execute(
        delete(SavedPaper).where(SavedPaper.reader_id == reader_id, SavedPaper.paper_id == paper_id)
    )


async def mark_read(
    session: WriteSession, reader_id: int, paper_id: str, *, read: bool, now: datetime
) -> bool:
    """Mark a saved paper as read or unread. Returns whether it is on the list."""
    return await _change(session, reader_id, paper_id, read_at=now if read else None)


async def set_note(session: WriteSession, reader_id: int, paper_id: str, text: str) -> bool:
    """Replace the note of a saved paper. Returns whether it is on the list. Raises `PaperNotSaved`."""
    text = text.replace("\r\n", "\n").strip()
    if len(text) > MAX_NOTE_LENGTH:
        raise PaperNotSaved(
            _(
                "A note has at most %(max_note_length)s characters; this one has %(number)s.",
                max_note_length=format_number(MAX_NOTE_LENGTH),
                number=format_number(len(text)),
            )
        )
    return await _change(session, reader_id, paper_id, note=text)


async def _change(
    session: WriteSession, reader_id: int, paper_id: str, **values: datetime | str | None
) -> bool:
    statement = update(SavedPaper).where(SavedPaper.reader_id == reader_id, SavedPaper.paper_id == paper_id)
    return await session.scalar(statement.values(**values).returning(SavedPaper.paper_id)) is not None


SAVED: Final = Read(
    select(SavedPaper.paper_id).where(
        SavedPaper.reader_id == bindparam("reader_id", type_=Integer),
        SavedPaper.paper_id == any_(bindparam("ids", type_=ARRAY(Text))),
    ),
    str,
)


def ask_saved_ids(trip: RoundTrip, reader_id: int, paper_ids: Sequence[str]) -> Asked[frozenset[str]]:
    """Ask which of these papers are on the list."""
    return trip.ask(SAVED, {"reader_id": reader_id, "ids": list(paper_ids)}, frozenset)


def select_saved_ids(reader_id: int) -> Select[str]:
    """Select the ids of a reader's saved papers, as a condition of a search."""
    return select(SavedPaper.paper_id).where(SavedPaper.reader_id == reader_id)


class ListEntry(NamedTuple):
    """A saved paper: what the reader did with it, and the paper."""

    row: SavedPaper
    paper: PaperRow


class ReadingListPage(NamedTuple):
    """A page of a reading list. `next_position` is where the next page begins, None after the last one."""

    entries: Sequence[ListEntry]
    next_position: ListPosition | None


class ReadingListTotals(NamedTuple):
    """The number of papers on a reading list, and of those that are not read."""

    papers: int
    unread: int


async def count_saved_papers(session: ReadSession, reader_id: int) -> ReadingListTotals:
    """Count the papers on a reading list."""
    unread = func.count().filter(SavedPaper.read_at.is_(None)).label("unread")
    row = (
        await session.execute(
            select(func.count().label("papers"), unread).where(SavedPaper.reader_id == reader_id)
        )
    ).one()
    return ReadingListTotals(papers=row.papers, unread=row.unread)


async def list_saved_papers(
    session: ReadSession,
    reader_id: int,
    *,
    unread: bool = False,
    limit: int,
    after: ListPosition | None = None,
) -> ReadingListPage:
    """List saved papers, latest first. With `unread`, list only those that are not read."""
    query = select(SavedPaper).where(SavedPaper.reader_id == reader_id)
    if unread:
        query = query.where(SavedPaper.read_at.is_(None))
    if after is not None:
        same_time = and_(SavedPaper.saved_at == after.key, SavedPaper.paper_id > after.paper_id)
        query = query.where(SavedPaper.saved_at <= after.key, or_(SavedPaper.saved_at < after.key, same_time))
    ordered = query.order_by(SavedPaper.saved_at.desc(), SavedPaper.paper_id).limit(limit + 1)
    rows = (await session.scalars(ordered)).all()
    page = await _add_papers(session, rows[:limit])
    next_position = ListPosition(page[-1].row.saved_at, page[-1].row.paper_id) if len(rows) > limit else None
    return ReadingListPage(page, next_position)


async def load_saved_papers(
    session: ReadSession, reader_id: int, paper_ids: Sequence[str]
) -> dict[str, ListEntry]:
    """Load the saved papers with these ids, each with its paper.

    An id that is not on the list is left out.
    """
    query = select(SavedPaper).where(SavedPaper.reader_id == reader_id, SavedPaper.paper_id.in_(paper_ids))
    rows = (await session.scalars(query)).all()
    return {entry.row.paper_id: entry for entry in await _add_papers(session, rows)}


async def _add_papers(session: ReadSession, rows: Sequence[SavedPaper]) -> list[ListEntry]:
    papers = await load_papers(session, [row.paper_id for row in rows])
    return [ListEntry(row, papers[row.paper_id]) for row in rows if row.paper_id in papers]
