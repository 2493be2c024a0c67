"""`/saved`: the reading list. Also as BibTeX and RIS."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Final

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from paperround import sample
from paperround.accounts.tables import Reader
from paperround.database import ReadSession
from paperround.library import reading_list
from paperround.library.tables import Saved
from paperround.papers import citations
from paperround.papers.editions import Sort
from paperround.papers.tables import Paper
from paperround.search.filters import Filters
from paperround.settings import Settings
from paperround.web import cursor as cursors
from paperround.web.api.papers import PaperId, found
from paperround.web.dependencies import Config, NotFound, Now, Read, SignedIn, Write, page
from paperround.web.search_params import Asked, Asking
from paperround.web.syndication.citations import BIBTEX, RIS
from paperround.web.views import presenters
from paperround.web.views.viewer_state import back, marks

PAGE: Final = 30
FOUND: Final = 50
ORDER: Final = Sort.published  # what a cursor here calls the order of saving: both are by a time

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@dataclass(frozen=True)
class Shelved:
    """A saved paper as the page shows it."""

    entry: presenters.Entry
    saved: str
    read: bool
    note: str


@router.get("/saved")
async def show(
    request: Request,
    asking: Asked,
    session: Read,
    reader: SignedIn,
    now: Now,
    unread: Annotated[bool, Query()] = False,
    after: Annotated[str | None, Query(max_length=500)] = None,
) -> HTMLResponse:
    """All, the unread or, with `q`, those that a search finds among them, by words and meaning."""
    more = None
    if asking is not None and asking.question.text:
        rows = await _found(session, reader, asking)
    else:
        place = cursors.decode(ORDER, after)
        part = await reading_list.reading_list(session, reader.id, unread=unread, limit=PAGE, after=place)
        rows, more = part.rows, cursors.encode(ORDER, part.more)
    today = now.date()
    return await page(
        request,
        session,
        "library/saved.html",
        totals=await reading_list.totals(session, reader.id),
        shelved=[_shelved(row, today) for row in rows],
        marks=await marks(request, session, [row.paper for row in rows]),
        question=asking.question.text if asking else "",
        unread=unread,
        more=more,
        continued=after is not None,
        longest_note=reading_list.LONGEST_NOTE,
    )


async def _found(session: ReadSession, reader: Reader, asking: Asking) -> Sequence[Saved]:
    """The best first. A paper's id finds that paper."""
    if asking.paper_id:
        ids = [asking.paper_id]
    else:
        among = Filters(among=reading_list.saved_ids(reader.id))
        result = await asking.search(session, filters=among, limit=FOUND)
        ids = [match.paper_id for match in result.matches]
    there = await reading_list.of_papers(session, reader.id, ids)
    return [there[key] for key in ids if key in there]


def _shelved(row: Saved, today: date) -> Shelved:
    entry = presenters.entry(row.paper, today=today)
    return Shelved(
        entry, presenters.days_ago(row.saved_at.date(), today=today), row.read_at is not None, row.note
    )


@router.post("/saved/{paper_id:path}/read")
async def mark_read(
    request: Request,
    session: Write,
    reader: SignedIn,
    now: Now,
    paper_id: PaperId,
    on: Annotated[bool, Form()],
) -> Response:
    paper = await found(session, paper_id)
    if not await reading_list.mark(session, reader.id, paper.id, read=on, now=now):
        raise NotFound("This paper is not on your reading list.")
    return back(request, paper.id)


@router.post("/saved/{paper_id:path}/note")
async def note(
    request: Request,
    session: Write,
    reader: SignedIn,
    paper_id: PaperId,
    text: Annotated[str, Form(max_length=20_000)] = "",
) -> Response:
    paper = await found(session, paper_id)
    if not await reading_list.note(session, reader.id, paper.id, text):
        raise NotFound("This paper is not on your reading list.")
    return back(request, paper.id)


@router.get("/saved.bib", response_class=Response)
async def as_bibtex(session: Read, reader: SignedIn, settings: Config) -> Response:
    on_arxiv = not await sample.is_shown(session)
    papers = [(paper, _url(paper, settings, on_arxiv)) async for paper in _all(session, reader)]
    return _file("\n".join(citations.bibliography(papers, on_arxiv=on_arxiv)), "saved.bib", BIBTEX)


@router.get("/saved.ris", response_class=Response)
async def as_ris(session: Read, reader: SignedIn, settings: Config) -> Response:
    on_arxiv = not await sample.is_shown(session)
    records = [
        citations.ris(paper, url=_url(paper, settings, on_arxiv)) async for paper in _all(session, reader)
    ]
    return _file("\r\n".join(records), "saved.ris", RIS)


async def _all(session: ReadSession, reader: Reader) -> AsyncIterator[Paper]:
    """The whole list, which is bounded, a part at a time."""
    after = None
    while True:
        part = await reading_list.reading_list(session, reader.id, limit=500, after=after)
        for row in part.rows:
            yield row.paper
        after = part.more
        if after is None:
            return


def _url(paper: Paper, settings: Settings, on_arxiv: bool) -> str:
    return citations.arxiv_url(paper) if on_arxiv else f"{settings.address}/papers/{paper.id}"


def _file(body: str, name: str, media_type: str) -> Response:
    return Response(
        body,
        headers={
            "Content-Type": f"{media_type}; charset=utf-8",
            "Content-Disposition": f'attachment; filename="{name}"',
        },
    )
