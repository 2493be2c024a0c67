"""`/saved`: the reading list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Final

from fastapi import Form, Query, Request
from fastapi.responses import HTMLResponse
from markupsafe import escape
from starlette.responses import Response

from paperround.accounts.tables import Reader
from paperround.database import ReadSession
from paperround.i18n.messages import gettext as _
from paperround.library import reading_list
from paperround.library.reading_list import SAVED_ORDER, ListEntry
from paperround.papers.readings import read_title
from paperround.search.filters import SearchFilters
from paperround.text.reading import page_budget
from paperround.topics.reader_matches import ReaderMatches
from paperround.web import cursor as cursors
from paperround.web.dependencies import NotFound, Now, Read, SignedIn, Write, render_page
from paperround.web.params import PaperId, get_paper_or_404
from paperround.web.router import Router
from paperround.web.search_params import OptionalSearch, SearchRequest
from paperround.web.viewer import load_viewer_state, redirect_to_paper
from paperround.web.views import paper_cards, presenters
from paperround.web.views.page_size import measure, shorten_html
from paperround.web.views.paper_card import PaperCard

PAGE_SIZE: Final = 30
MAX_LABEL: Final = 100  # bytes
FORMS_MARKUP: Final = 1_200  # bytes: of the forms for a note and for marking as read
MAX_RESULTS: Final = 50

router = Router(include_in_schema=False, default_response_class=HTMLResponse)


@dataclass(frozen=True)
class SavedCard:
    """A saved paper as the page shows it. `title` is in plain text, for a label."""

    card: PaperCard
    title: str
    saved_when: str
    is_read: bool
    note: str


@router.get("/saved")
async def show_saved(
    request: Request,
    search_request: OptionalSearch,
    session: Read,
    reader: SignedIn,
    now: Now,
    unread: Annotated[bool, Query()] = False,
    after: Annotated[str | None, Query(max_length=500)] = None,
) -> HTMLResponse:
    """Show all saved papers, the unread ones or, with `q`, those that a search finds among them."""
    more = None
    if search_request is not None and search_request.query.text:
        entries = await _search_saved(session, reader, search_request)
    else:
        position = cursors.decode(SAVED_ORDER, after)
        part = await reading_list.list_saved_papers(
            session, reader.id, unread=unread, limit=PAGE_SIZE, after=position
        )
        entries, more = part.entries, cursors.encode(SAVED_ORDER, part.next_position)
    today = now.date()
    return await render_page(
        request,
        session,
        "library/saved.html",
        totals=await reading_list.count_saved_papers(session, reader.id),
        saved_papers=_build_cards(entries, today),
        marks=await load_viewer_state(request, session, [entry.paper for entry in entries], ReaderMatches()),
        question=search_request.query.text if search_request else "",
        unread=unread,
        more=more,
        continued=after is not None,
        longest_note=reading_list.MAX_NOTE_LENGTH,
    )


async def _search_saved(
    session: ReadSession, reader: Reader, search_request: SearchRequest
) -> Sequence[ListEntry]:
    """Search among the saved papers, the best first. A paper's id finds that paper."""
    if search_request.paper_id:
        ids = [search_request.paper_id]
    else:
        filters = SearchFilters(paper_ids=reading_list.select_saved_ids(reader.id))
        result = await search_request.search(session, filters=filters, limit=MAX_RESULTS)
        ids = [match.paper_id for match in result.results]
    saved_papers = await reading_list.load_saved_papers(session, reader.id, ids)
    return [saved_papers[paper_id] for paper_id in ids if paper_id in saved_papers]


def _build_cards(entries: Sequence[ListEntry], today: date) -> list[SavedCard]:
    room = paper_cards.CARDS_ROOM - sum(FORMS_MARKUP + measure(escape(entry.row.note)) for entry in entries)
    cards = paper_cards.build_paper_cards([entry.paper for entry in entries], today=today, room=room)
    labels = page_budget()
    return [
        SavedCard(
            card,
            shorten_html(escape(read_title(paper, labels).text), MAX_LABEL),
            presenters.format_days_ago(row.saved_at.date(), today=today),
            row.read_at is not None,
            row.note,
        )
        for (row, paper), card in zip(entries, cards, strict=True)
    ]


@router.post("/saved/{paper_id:path}/read")
async def mark_read(
    request: Request,
    session: Write,
    reader: SignedIn,
    now: Now,
    paper_id: PaperId,
    on: Annotated[bool, Form()],
) -> Response:
    paper = await get_paper_or_404(session, paper_id)
    if not await reading_list.mark_read(session, reader.id, paper.id, read=on, now=now):
        raise NotFound(_("This paper is not on your reading list."))
    return redirect_to_paper(request, paper.id)


@router.post("/saved/{paper_id:path}/note")
async def set_note(
    request: Request,
    session: Write,
    reader: SignedIn,
    paper_id: PaperId,
    text: Annotated[str, Form(max_length=20_000)] = "",
) -> Response:
    paper = await get_paper_or_404(session, paper_id)
    if not await reading_list.set_note(session, reader.id, paper.id, text):
        raise NotFound(_("This paper is not on your reading list."))
    return redirect_to_paper(request, paper.id)
