"""/api/v1/papers: lists of papers, one paper, similar papers and the history of its numbers."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Annotated

from fastapi import Depends, Query, Response

from paperround.papers import editions
from paperround.papers.edition_query import EditionQuery
from paperround.papers.editions import Sort
from paperround.papers.period import EditionPeriod, Period
from paperround.search.similar import find_similar_papers
from paperround.web import cursor as cursors
from paperround.web.api.schemas import (
    ListingOut,
    PaperDetail,
    PaperList,
    PaperOut,
    SignalList,
    SignalOut,
    SimilarList,
    SimilarPaper,
    write_paper_list,
)
from paperround.web.dependencies import BadRequest, Config, Read
from paperround.web.params import MAX_SIGNALS, Category, Day, Limit, PaperId, get_paper_or_404
from paperround.web.router import Router
from paperround.web.security.costs import begin_costly_request

router = Router(prefix="/api/v1/papers", tags=["papers"])


@router.get("", response_model=PaperList, summary="Papers of a day, week, month or any days")
async def list_papers(
    session: Read,
    settings: Config,
    date: Day = None,
    week: Annotated[str | None, Query(description="An ISO week.", examples=["2025-W44"])] = None,
    month: Annotated[str | None, Query(description="A month.", examples=["2025-10"])] = None,
    from_: Annotated[
        str | None, Query(alias="from", description="The first day.", examples=["2025-10-27"])
    ] = None,
    to: Annotated[str | None, Query(description="The last day.", examples=["2025-11-02"])] = None,
    sort: Annotated[
        Sort | None, Query(description="Default: `upvotes` with a day, week or month, else `published`.")
    ] = None,
    limit: Limit = 50,
    cursor: Annotated[str | None, Query(max_length=500, description="`next` of the previous part.")] = None,
    category: Category = None,
) -> Response:
    choice, edition = _choice(date, week, month, from_, to)
    choice = replace(choice, category=category)
    order = sort or (Sort.upvotes if edition else Sort.published)
    after = cursors.decode(order, cursor)
    part = await editions.list_papers(session, choice, sort=order, limit=limit, after=after)
    body = write_paper_list(part.papers, settings.address, cursors.encode(order, part.next_position))
    return Response(body, media_type="application/json")


def _choice(
    day: str | None, week: str | None, month: str | None, first: str | None, last: str | None
) -> tuple[EditionQuery, bool]:
    """Parse which papers are requested, and whether they are those of one edition."""
    named = [
        EditionPeriod.parse(period, value)
        for period, value in ((Period.day, day), (Period.week, week), (Period.month, month))
        if value is not None
    ]
    if len(named) > 1 or (named and (first is not None or last is not None)):
        raise BadRequest("Give one of date, week and month, or from and to.")
    if named:
        return EditionQuery.for_period(named[0]), True
    bounds = EditionQuery(first=_day(first), last=_day(last))
    if bounds.first and bounds.last and bounds.first > bounds.last:
        raise BadRequest("`from` is after `to`.")
    return bounds, False


def _day(value: str | None) -> date | None:
    return EditionPeriod.parse(Period.day, value).first if value is not None else None


# Old ids have a slash, so the longer addresses come first and ids are paths.
@router.get(
    "/{paper_id:path}/similar",
    summary="Papers like this one, nearest first",
    dependencies=[Depends(begin_costly_request)],
)
async def similar_papers(
    session: Read, settings: Config, paper_id: PaperId, limit: Limit = 10
) -> SimilarList:
    paper = await get_paper_or_404(session, paper_id)
    base = settings.address
    return SimilarList(
        papers=[
            SimilarPaper(paper=PaperOut.of(other, base), similarity=similarity)
            for other, similarity in await find_similar_papers(session, paper.id, limit=limit)
        ]
    )


@router.get("/{paper_id:path}/signals", summary="How its numbers changed")
async def paper_signals(session: Read, paper_id: PaperId) -> SignalList:
    """List upvotes, comments and stars over time: at most the latest 1,000 changes."""
    paper = await get_paper_or_404(session, paper_id)
    rows = await editions.list_signals(session, paper.id, limit=MAX_SIGNALS)
    return SignalList(signals=[SignalOut.of(row) for row in rows])


@router.get("/{paper_id:path}", summary="One paper")
async def one_paper(session: Read, settings: Config, paper_id: PaperId) -> PaperDetail:
    paper = await get_paper_or_404(session, paper_id)
    listings = await editions.load_listings(session, [paper.id])
    short = PaperOut.of(paper, settings.address)
    more = {
        name: getattr(paper, name)
        for name in PaperDetail.model_fields
        if name not in PaperOut.model_fields and name not in ("listings", "ai_summary_model")
    }
    return PaperDetail(
        **short.model_dump(),
        **more,
        ai_summary_model=paper.summary_model,
        listings=[ListingOut.of(row) for row in listings[paper.id]],
    )
