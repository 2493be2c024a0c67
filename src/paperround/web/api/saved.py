"""/api/v1/saved: the reading list of the reader to whom the key belongs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from paperround.database import ReadSession
from paperround.library import reading_list
from paperround.library.reading_list import MAX_NOTE_LENGTH, SAVED_ORDER, ListEntry
from paperround.web import cursor as cursors
from paperround.web.api.schemas import PaperOut, RequestBody
from paperround.web.dependencies import Config, KeyReader, KeyWriter, NotFound, Now, Read, Write
from paperround.web.params import Limit, PaperId, get_paper_or_404
from paperround.web.router import Router

router = Router(prefix="/api/v1/saved", tags=["reading list"])


class SavedOut(BaseModel):
    """A saved paper."""

    paper: PaperOut
    saved_at: datetime
    read_at: datetime | None = Field(description="Null: it is not marked as read.")
    note: str

    @classmethod
    def of(cls, entry: ListEntry, base: str) -> Self:
        return cls(
            paper=PaperOut.of(entry.paper, base),
            saved_at=entry.row.saved_at,
            read_at=entry.row.read_at,
            note=entry.row.note,
        )


class SavedList(BaseModel):
    papers: list[SavedOut] = Field(description="The latest saved first.")
    next: str | None = Field(description="The cursor of the next part, null at the end.")
    total: int
    unread: int


class SavedIn(RequestBody):
    """What to keep with a saved paper. Fields that are left out or null stay as they are."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"note": "For the seminar.", "read": True}]}
    )

    note: Annotated[str, Field(max_length=MAX_NOTE_LENGTH)] | None = None
    read: bool | None = Field(None, description="Whether it is marked as read.")


@router.get("", summary="Your reading list")
async def list_saved(
    session: Read,
    reader: KeyReader,
    settings: Config,
    unread: Annotated[bool, Query(description="Only papers that are not marked as read.")] = False,
    limit: Limit = 50,
    cursor: Annotated[str | None, Query(max_length=500, description="`next` of the previous part.")] = None,
) -> SavedList:
    page = await reading_list.list_saved_papers(
        session, reader.id, unread=unread, limit=limit, after=cursors.decode(SAVED_ORDER, cursor)
    )
    totals = await reading_list.count_saved_papers(session, reader.id)
    return SavedList(
        papers=[SavedOut.of(entry, settings.address) for entry in page.entries],
        next=cursors.encode(SAVED_ORDER, page.next_position),
        total=totals.papers,
        unread=totals.unread,
    )


@router.get("/{paper_id:path}", summary="A paper of your reading list")
async def one_saved(session: Read, reader: KeyReader, settings: Config, paper_id: PaperId) -> SavedOut:
    paper = await get_paper_or_404(session, paper_id)
    return await _load_saved(session, reader.id, paper.id, settings.address)


@router.put("/{paper_id:path}", summary="Save a paper, write its note, mark it as read")
async def save(
    session: Write, reader: KeyWriter, settings: Config, now: Now, paper_id: PaperId, wish: SavedIn
) -> SavedOut:
    """Save a paper, or change what is kept with it. Doing it again changes nothing."""
    paper = await get_paper_or_404(session, paper_id)
    await reading_list.save_paper(session, reader.id, paper.id, now=now)
    if wish.note is not None:
        await reading_list.set_note(session, reader.id, paper.id, wish.note)
    if wish.read is not None:
        await reading_list.mark_read(session, reader.id, paper.id, read=wish.read, now=now)
    return await _load_saved(session, reader.id, paper.id, settings.address)


@router.delete("/{paper_id:path}", status_code=204, summary="Take a paper off your reading list")
async def unsave(session: Write, reader: KeyWriter, paper_id: PaperId) -> None:
    """Take a paper off, with its note. Doing it again changes nothing."""
    paper = await get_paper_or_404(session, paper_id)
    await reading_list.unsave_paper(session, reader.id, paper.id)


async def _load_saved(session: ReadSession, reader_id: int, paper_id: str, base: str) -> SavedOut:
    found = await reading_list.load_saved_papers(session, reader_id, [paper_id])
    if paper_id not in found:
        raise NotFound("This paper is not on your reading list.")
    return SavedOut.of(found[paper_id], base)
