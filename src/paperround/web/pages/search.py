"""The page of a search, at `/papers?q=…`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Final, cast

from fastapi import Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.routing import APIRoute
from starlette.datastructures import QueryParams
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Scope

from paperround.i18n.formats import format_number
from paperround.i18n.messages import find_message, mark_message, ngettext
from paperround.i18n.messages import gettext as _
from paperround.papers import editions
from paperround.papers.merge import READERS_FEED
from paperround.search.analysis import MAX_POSTINGS_PER_TERM
from paperround.search.engine import MAX_RESULTS, SearchResults
from paperround.search.filters import NO_FILTERS, SearchFilters
from paperround.search.query_syntax import is_foreign_script
from paperround.search.relevance import MatchKind
from paperround.search.results import find_highlighted_words, load_result_papers
from paperround.web.dependencies import (
    BadRequest,
    Now,
    Read,
    index_counter_of,
    is_signed_in,
    render_page,
    settings_of,
)
from paperround.web.pages.subscribe import build_subscribe_box
from paperround.web.router import Router
from paperround.web.search_params import Filters, PreparedSearch, SearchRequest
from paperround.web.viewer import load_viewer_state
from paperround.web.views import paper_cards
from paperround.web.views.highlight import Highlighter

PAGE_SIZE: Final = 25  # the second page ends the list
MATCH_LABELS: Final[Mapping[MatchKind, str]] = {
    MatchKind.author: mark_message("By an author of this name"),
    MatchKind.words: mark_message("Has your words"),
    MatchKind.some_words: mark_message("Has some of your words"),
    MatchKind.meaning: mark_message("Related by meaning"),
}
VOTE_CHOICES: Final = (0, 5, 10, 25, 50, 100)


class QuestionRoute(APIRoute):
    """A route that is there only where the address has a question, `q`.

    The daily papers have the same address, and needn't parse what a search may say.
    """

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, child_scope = super().matches(scope)
        if match is Match.FULL and not has_question(scope["query_string"]):
            return Match.NONE, {}
        return match, child_scope


def has_question(query: bytes) -> bool:
    return bool(query) and "q" in QueryParams(query)


router = Router(route_class=QuestionRoute, include_in_schema=False, default_response_class=HTMLResponse)


@router.get("/papers")
async def show_results(
    request: Request,
    asked: PreparedSearch,
    filters: Filters,
    session: Read,
    now: Now,
    after: Annotated[str | None, Query(max_length=500)] = None,
) -> Response:
    """Show the results, the best first. The id or the address of a paper leads to its page."""
    search_request = cast(SearchRequest, asked)  # the route has a question
    start = parse_start(after)
    if search_request.paper_id and await editions.find_paper(session, search_request.paper_id):
        return RedirectResponse(f"/papers/{search_request.paper_id}", status_code=303)
    end = min(start + PAGE_SIZE, MAX_RESULTS)
    found_results = await search_request.search(session, filters=filters, limit=min(end + 1, MAX_RESULTS))
    part = replace(found_results, results=found_results.results[start:end])
    more = end if len(found_results.results) > end else None
    return await _show_page(request, session, search_request, filters, part, now, more=more)


def parse_start(after: str | None) -> int:
    """Parse how many results came on the pages before. Raises `BadRequest`."""
    if not after:
        return 0
    if after.isascii() and after.isdigit() and len(after) < 4 and int(after) < MAX_RESULTS:
        return int(after)
    raise BadRequest(_("There are no results from there on. Search again."))


async def _show_page(
    request: Request,
    session: Read,
    search_request: SearchRequest,
    filters: SearchFilters,
    results: SearchResults,
    now: datetime,
    *,
    more: int | None,
) -> HTMLResponse:
    rows = await load_result_papers(session, results.results)
    papers = [paper for _, paper in rows]
    highlight = Highlighter(await find_highlighted_words(session, search_request.query, papers))
    return await render_page(
        request,
        session,
        "papers/search.html",
        question=search_request.query,
        unknown_id=search_request.paper_id,
        heading=write_heading(search_request, results),
        advice=write_advice(search_request, results),
        suggestion=results.suggestion,
        closest=bool(rows) and not results.total,
        marks=await load_viewer_state(request, session, papers),
        box=await build_subscribe_box(request, session),
        entries=[
            (card, find_message(MATCH_LABELS[match.kind]))
            for (match, _), card in zip(
                rows,
                paper_cards.build_paper_cards(
                    papers, today=now.date(), mark_words=highlight, for_reader=is_signed_in(request)
                ),
                strict=True,
            )
        ],
        address=f"/papers?{request.url.remove_query_params('after').query}",
        more=str(more) if more else None,
        vectors=results.used_vectors,
        calibrated=results.is_calibrated,
        indexing=await index_counter_of(request).count(session, now=now),
        filters=filters,
        feeds=[*settings_of(request).feeds, READERS_FEED],
        filtered=filters != NO_FILTERS,
        votes=VOTE_CHOICES
        if filters.min_upvotes in VOTE_CHOICES
        else sorted({*VOTE_CHOICES, filters.min_upvotes}),
    )


def write_heading(search_request: SearchRequest, results: SearchResults) -> str:
    """Say in a heading what the search found."""
    query = search_request.query
    if search_request.paper_id and not results.results:
        return _("There is no paper %(id)s here", id=search_request.paper_id)
    if not query.words:
        return _("What are you looking for?")
    if not results.total:
        none = _("No exact results for “%(text)s”", text=query.text)
        return none if results.results else _("No results for “%(text)s”", text=query.text)
    if results.total > MAX_POSTINGS_PER_TERM:
        most = format_number(MAX_POSTINGS_PER_TERM)
        return _("More than %(num)s results for “%(text)s”", num=most, text=query.text)
    return ngettext(
        "%(num)s result for “%(text)s”", "%(num)s results for “%(text)s”", results.total, text=query.text
    )


def write_advice(search_request: SearchRequest, results: SearchResults) -> str:
    """Say why a search found nothing, and what to do. Empty where it found something."""
    query = search_request.query
    if results.results or not query.words or search_request.paper_id:
        return ""
    if is_foreign_script(query):
        return _("Search reads English only so far. Try English words, or an author’s name in Latin letters.")
    if results.has_only_common_words:
        return _("Words such as these are in nearly every paper. Add one that says what it is about.")
    return _("Try fewer or different words.")
