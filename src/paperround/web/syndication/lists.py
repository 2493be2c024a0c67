"""Serves feeds for feed readers: the newest papers, trending papers, and a search."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Any, Final

from fastapi import Path, Request
from starlette.responses import Response

from paperround.papers import editions
from paperround.papers.edition_query import EditionQuery
from paperround.papers.editions import Sort
from paperround.papers.rows import PaperRow
from paperround.search.results import load_result_papers
from paperround.web.dependencies import BadRequest, Config, Now, Read
from paperround.web.router import Router
from paperround.web.search_params import Filters, OptionalSearch
from paperround.web.syndication import formats
from paperround.web.syndication.document import FeedDocument
from paperround.web.syndication.formats import MEDIA_TYPES, FeedFormat

DAYS: Final = 7  # of which the daily feed tells
MAX_DAILY_PAPERS: Final = 100
MAX_TRENDING_PAPERS: Final = 50
NEWS: Final = timedelta(days=30)  # how far back a search's feed looks
MAX_SEARCH_PAPERS: Final = 20

SHAPES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "content": {kind: {} for kind in MEDIA_TYPES.values()},
        "description": "Atom 1.0 or JSON Feed 1.1.",
    },
    304: {"description": "As it was."},
}
FormOf = Annotated[FeedFormat, Path(description="`atom` or `json`.", examples=["atom"])]

router = Router(prefix="/feeds", tags=["feed readers"], default_response_class=Response, responses=SHAPES)


@router.get("/daily.{form}", summary="The newest papers, as a feed")
async def daily(request: Request, session: Read, settings: Config, form: FormOf) -> Response:
    """Serve the newest papers: those listed in the last seven days, at most 100 of them."""
    newest = await editions.find_newest_day(session)
    papers: list[PaperRow] = []
    if newest:
        choice = EditionQuery(first=newest - timedelta(days=DAYS - 1))
        rows = await editions.list_listed_papers(session, choice, sort=None, limit=MAX_DAILY_PAPERS, offset=0)
        papers = list({paper.id: paper for _, paper in rows}.values())
    feed = FeedDocument.of(settings, "daily papers", f"/feeds/daily.{form}", "/papers", papers)
    return formats.build_response(request, feed, form)


@router.get("/trending.{form}", summary="What is trending, as a feed")
async def trending(request: Request, session: Read, settings: Config, form: FormOf) -> Response:
    """Serve the 50 papers that trend most, in that order."""
    part = await editions.list_papers(session, EditionQuery(), sort=Sort.trending, limit=MAX_TRENDING_PAPERS)
    address = f"/feeds/trending.{form}"
    feed = FeedDocument.of(settings, "trending papers", address, "/papers/trending", part.papers)
    return formats.build_response(request, feed, form)


@router.get("/search.{form}", summary="What a search finds, as a feed")
async def found(
    request: Request,
    asking: OptionalSearch,
    filters: Filters,
    session: Read,
    settings: Config,
    now: Now,
    form: FormOf,
) -> Response:
    """Serve the 20 best matches of the last 30 days, the newest first.

    Parameters are those of /api/v1/search.
    """
    if asking is None or not asking.query.words:
        raise BadRequest("Say what to look for: ?q=…")
    earliest = (now - NEWS).date()
    recent = replace(filters, first_day=max(filters.first_day or earliest, earliest))
    hits = await asking.search(session, filters=recent, limit=MAX_SEARCH_PAPERS)
    papers = [paper for match, paper in await load_result_papers(session, hits.results) if match.reasons]
    newest = sorted(papers, key=lambda paper: (paper.listed_on, paper.id), reverse=True)
    query = request.url.query
    address = f"/feeds/search.{form}?{query}"
    feed = FeedDocument.of(settings, asking.query.text, address, f"/papers?{query}", newest)
    return formats.build_response(request, feed, form)
