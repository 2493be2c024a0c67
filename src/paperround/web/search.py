"""The page of a search, at `/papers?q=…`."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from typing import Final

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.responses import Response

from paperround.papers import editions
from paperround.papers.tables import Paper
from paperround.search.filters import NO_FILTERS, Filters
from paperround.search.query import Found, Match, search
from paperround.search.results import papers_of, words_to_mark
from paperround.search.wording import POSTING
from paperround.web import shown
from paperround.web.asking import Asking
from paperround.web.marking import marked
from paperround.web.marks import marks
from paperround.web.request import Read, page, settings_of

SHOWN: Final = 50
VOTES: Final = (0, 5, 10, 25, 50, 100)


async def results(
    request: Request, session: Read, asking: Asking, filters: Filters, now: datetime
) -> Response:
    """What was found; a paper's id or address leads to its page."""
    if asking.paper_id and await editions.paper(session, asking.paper_id):
        return RedirectResponse(f"/papers/{asking.paper_id}", status_code=303)
    found = await search(session, asking.question, asking.vector, filters=filters, limit=SHOWN)
    return await _page(request, session, asking, filters, found, now.date())


async def _page(
    request: Request, session: Read, asking: Asking, filters: Filters, found: Found, today: date
) -> HTMLResponse:
    rows = await papers_of(session, found.matches)
    words = await words_to_mark(session, asking.question, [paper for _, paper in rows])
    return await page(
        request,
        session,
        "papers/search.html",
        question=asking.question,
        unknown_id=asking.paper_id,
        heading=heading(asking, found),
        closest=bool(rows) and not found.total,
        marks=await marks(request, session, [paper for _, paper in rows]),
        entries=[_entry(match, paper, words, today) for match, paper in rows],
        vectors=found.vectors,
        filters=filters,
        feeds=settings_of(request).feeds,
        filtered=filters != NO_FILTERS,
        votes=VOTES if filters.min_upvotes in VOTES else sorted({*VOTES, filters.min_upvotes}),
    )


def _entry(match: Match, paper: Paper, words: frozenset[str], today: date) -> tuple[shown.Entry, str]:
    plain = shown.entry(paper, today=today)
    entry = replace(
        plain,
        title=marked(plain.title, words),
        paragraphs=[marked(paragraph, words) for paragraph in plain.paragraphs],
    )
    return entry, why(match)


def why(match: Match) -> str:
    """What ranked a result: `83% alike`; nothing where the words alone did, for they are marked."""
    return f"{round(100 * match.similarity)}% alike" if match.similarity is not None else ""


def heading(asking: Asking, found: Found) -> str:
    """The answer, before anything else."""
    if asking.paper_id and not found.matches:
        return f"There is no paper {asking.paper_id} here"
    if not asking.question.words:
        return "What are you looking for?"
    if not found.total:
        return "No paper has all of these words" if found.matches else "No papers match"
    if found.total > POSTING:
        return f"More than {POSTING:,} papers match"
    return f"{shown.plural(found.total, 'paper')} {'matches' if found.total == 1 else 'match'}"
