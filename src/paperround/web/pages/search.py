"""The page of a search, at `/papers?q=…`."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from typing import Final

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.responses import Response

from paperround.papers import editions
from paperround.papers.merge import READERS
from paperround.papers.tables import Paper
from paperround.search.analysis import POSTING
from paperround.search.filters import NO_FILTERS, Filters
from paperround.search.query import MOST, Found, Match
from paperround.search.results import papers_of, words_to_mark
from paperround.web.dependencies import BadRequest, Read, page, settings_of
from paperround.web.pages.subscribe import box
from paperround.web.search_params import Asking
from paperround.web.views import presenters
from paperround.web.views.highlight import Marker
from paperround.web.views.viewer_state import marks

SHOWN: Final = 25  # at once; a second page ends the list
VOTES: Final = (0, 5, 10, 25, 50, 100)


async def results(
    request: Request, session: Read, asking: Asking, filters: Filters, now: datetime, after: str | None
) -> Response:
    """What was found, the best first; a paper's id or address leads to its page."""
    shown_before = passed(after)
    if asking.paper_id and await editions.paper(session, asking.paper_id):
        return RedirectResponse(f"/papers/{asking.paper_id}", status_code=303)
    end = min(shown_before + SHOWN, MOST)
    found = await asking.search(session, filters=filters, limit=min(end + 1, MOST))
    part = replace(found, matches=found.matches[shown_before:end])
    more = end if len(found.matches) > end else None
    return await _page(request, session, asking, filters, part, now.date(), more=more)


def passed(after: str | None) -> int:
    """How many results came on the pages before."""
    if not after:
        return 0
    if after.isascii() and after.isdigit() and len(after) < 4 and int(after) < MOST:
        return int(after)
    raise BadRequest("Results don't go on from there. Search again.")


async def _page(
    request: Request,
    session: Read,
    asking: Asking,
    filters: Filters,
    found: Found,
    today: date,
    *,
    more: int | None,
) -> HTMLResponse:
    rows = await papers_of(session, found.matches)
    papers = [paper for _, paper in rows]
    marked = Marker(await words_to_mark(session, asking.question, papers))
    return await page(
        request,
        session,
        "papers/search.html",
        question=asking.question,
        unknown_id=asking.paper_id,
        heading=heading(asking, found),
        closest=bool(rows) and not found.total,
        marks=await marks(request, session, papers),
        box=await box(request, session),
        entries=[_entry(match, paper, marked, today) for match, paper in rows],
        address=f"/papers?{request.url.remove_query_params('after').query}",
        more=str(more) if more else None,
        vectors=found.vectors,
        filters=filters,
        feeds=[*settings_of(request).feeds, READERS],
        filtered=filters != NO_FILTERS,
        votes=VOTES if filters.min_upvotes in VOTES else sorted({*VOTES, filters.min_upvotes}),
    )


def _entry(match: Match, paper: Paper, marked: Marker, today: date) -> tuple[presenters.Entry, str]:
    plain = presenters.entry(paper, today=today)
    entry = replace(
        plain,
        title=marked(plain.title),
        paragraphs=[marked(paragraph) for paragraph in plain.paragraphs],
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
    these = "all of these words" if " " in asking.question.words else "this word"
    if found.total > POSTING:
        return f"More than {POSTING:,} papers have {these}"
    return f"{presenters.plural(found.total, 'paper')} {'has' if found.total == 1 else 'have'} {these}"
