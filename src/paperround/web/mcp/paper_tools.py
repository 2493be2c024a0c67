"""Tools that anybody may call: search, the day's papers, what is trending, one paper and what is like it."""

from __future__ import annotations

import enum
from dataclasses import replace
from datetime import date, timedelta
from typing import Annotated, Final

from mcp.server.mcpserver import Context
from pydantic import Field, StringConstraints

from paperround.database import ReadSession
from paperround.papers import editions
from paperround.papers.edition_query import EditionQuery
from paperround.papers.editions import Sort
from paperround.papers.rows import PaperRow
from paperround.search.engine import MAX_RESULTS, SearchResult, SearchResults
from paperround.search.filters import SearchFilters
from paperround.search.query_syntax import MAX_QUERY_LENGTH
from paperround.search.results import load_result_papers
from paperround.search.similar import find_similar_papers
from paperround.web import cursor as cursors
from paperround.web.dependencies import BadRequest
from paperround.web.mcp.callers import Caller
from paperround.web.mcp.calls import find_caller
from paperround.web.mcp.schemas import (
    FoundPaper,
    PaperDetail,
    PaperItem,
    PaperList,
    SearchFound,
    SimilarFound,
    SimilarPaper,
)
from paperround.web.params import get_paper_or_404
from paperround.web.search_params import SearchRequest

MAX_CATEGORIES: Final = 10
MAX_LISTED: Final = 50
MAX_DAYS_LISTED: Final = 10
SIMILAR_OF_PAPER: Final = 5

Query = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_QUERY_LENGTH),
    Field(description='Words, "phrases", -exclusions, or; an author; an arXiv id.'),
]
CategoryName = Annotated[str, StringConstraints(pattern=r"^[a-z-]+(\.[A-Za-z-]+)?$", max_length=30)]
PaperId = Annotated[
    str,
    StringConstraints(min_length=1, max_length=100),
    Field(description="An arXiv id such as 2510.12345; a version is ignored."),
]
MaxResults = Annotated[int, Field(ge=1, le=MAX_LISTED, description="At most this many papers.")]
Cursor = Annotated[
    str | None, Field(max_length=500, description="`next_cursor` of the previous part; none for the first.")
]


class TrendingPeriod(enum.StrEnum):
    """On whose lists trending papers are looked for: the latest day, 7 or 30 days, or all."""

    day = "day"
    week = "week"
    month = "month"
    all = "all"


PERIOD_DAYS: Final = {TrendingPeriod.day: 1, TrendingPeriod.week: 7, TrendingPeriod.month: 30}


async def search_papers(
    ctx: Context,
    query: Query,
    date_from: Annotated[date | None, Field(description="On a list of this day or a later one.")] = None,
    date_to: Annotated[date | None, Field(description="On a list of this day or an earlier one.")] = None,
    categories: Annotated[
        list[CategoryName],
        Field(max_length=MAX_CATEGORIES, description="Of arXiv, such as cs.CL: in any of them."),
    ] = [],  # noqa: B006 (the library copies it)
    has_code: Annotated[bool, Field(description="Only papers with code.")] = False,
    max_results: Annotated[int, Field(ge=1, le=MAX_RESULTS, description="At most this many papers.")] = 10,
) -> SearchFound:
    """Search the papers of this site by words and by meaning. Their full texts are not searched."""
    caller = find_caller(ctx)
    _require_order(date_from, date_to)
    filters = SearchFilters(
        first_day=date_from, last_day=date_to, categories=tuple(categories), has_code=has_code
    )
    async with caller.take_turn():
        request = SearchRequest.parse(query)
        vector = await caller.query_encoder.encode(request.text_to_encode)
        async with caller.database.read_session() as session:
            found = await replace(request, vector=vector).search(session, filters=filters, limit=max_results)
            if request.paper_id and await editions.find_paper(session, request.paper_id):
                found = SearchResults([SearchResult.of_id(request.paper_id)], total=1)
            matched = await load_result_papers(session, found.results)
    base = caller.settings.address
    return SearchFound(
        papers=[
            FoundPaper(
                paper=PaperItem.of(paper, base),
                relevance=round(result.relevance, 3),
                match=result.kind,
                words=list(result.reasons),
            )
            for result, paper in matched
        ],
        total=found.total,
        suggestion=found.suggestion,
        by_meaning=found.used_vectors,
    )


def _require_order(first: date | None, last: date | None) -> None:
    if first and last and first > last:
        raise BadRequest("`date_from` is after `date_to`.")


async def list_daily(
    ctx: Context,
    date: Annotated[date | None, Field(description="A day; without one, the latest with papers.")] = None,
    max_results: MaxResults = 20,
    cursor: Cursor = None,
) -> PaperList:
    """List the papers of one day, the most voted first. Days without papers, such as Sundays, are empty."""
    caller = find_caller(ctx)
    async with caller.database.read_session() as session:
        day = date or await editions.find_newest_day(session)
        if day is None:
            return PaperList(papers=[], first_day=None, last_day=None)
        return await _list_papers(caller, session, EditionQuery(day, day), Sort.upvotes, max_results, cursor)


async def list_trending(
    ctx: Context,
    period: Annotated[
        TrendingPeriod, Field(description="On the lists of the latest day, 7 or 30 days, or any.")
    ] = TrendingPeriod.week,
    max_results: MaxResults = 20,
    cursor: Cursor = None,
) -> PaperList:
    """List what is trending now: the papers with the most recent votes, the hottest first."""
    caller = find_caller(ctx)
    async with caller.database.read_session() as session:
        newest = await editions.find_newest_day(session)
        if newest is None:
            return PaperList(papers=[], first_day=None, last_day=None)
        criteria = EditionQuery()
        if period in PERIOD_DAYS:
            criteria = EditionQuery(newest - timedelta(days=PERIOD_DAYS[period] - 1), newest)
        return await _list_papers(caller, session, criteria, Sort.trending, max_results, cursor)


async def _list_papers(
    caller: Caller, session: ReadSession, criteria: EditionQuery, sort: Sort, limit: int, cursor: str | None
) -> PaperList:
    after = cursors.decode(sort, cursor)
    page = await editions.list_papers(session, criteria, sort=sort, limit=limit, after=after)
    return PaperList(
        papers=[PaperItem.of(paper, caller.settings.address) for paper in page.papers],
        first_day=criteria.first,
        last_day=criteria.last,
        next_cursor=cursors.encode(sort, page.next_position),
    )


async def get_paper(ctx: Context, id: PaperId) -> PaperDetail:  # noqa: A002 (the argument's name is public)
    """Get one paper: what is known of it, its abstract, its links and papers like it."""
    return await load_detail(find_caller(ctx), id)


async def load_detail(caller: Caller, paper_id: str) -> PaperDetail:
    """Load one paper with what is like it. Raises `PaperNotFound`, and what `Caller.take_turn` raises."""
    base = caller.settings.address
    async with caller.take_turn(), caller.database.read_session() as session:
        paper = await get_paper_or_404(session, paper_id)
        listings = (await editions.load_listings(session, [paper.id]))[paper.id]
        return PaperDetail.of_paper(
            paper,
            base,
            days_listed=sorted({listing.day for listing in listings}, reverse=True)[:MAX_DAYS_LISTED],
            similar=await _find_similar(caller, session, paper, SIMILAR_OF_PAPER),
        )


async def similar_papers(
    ctx: Context,
    id: PaperId,  # noqa: A002 (the argument's name is public)
    max_results: MaxResults = 10,
) -> SimilarFound:
    """Find the papers nearest in meaning to a paper."""
    caller = find_caller(ctx)
    async with caller.take_turn(), caller.database.read_session() as session:
        paper = await get_paper_or_404(session, id)
        return SimilarFound(papers=await _find_similar(caller, session, paper, max_results))


async def _find_similar(
    caller: Caller, session: ReadSession, paper: PaperRow, limit: int
) -> list[SimilarPaper]:
    return [
        SimilarPaper(paper=PaperItem.of(other, caller.settings.address), similarity=round(cosine, 4))
        for other, cosine in await find_similar_papers(session, paper.id, limit=limit)
    ]
