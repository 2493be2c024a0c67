"""Routes of the hub's JSON API. Its client works on them, and one Paperround can be the feed of another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import Query, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from paperround.database import ReadSession
from paperround.papers import editions
from paperround.papers.edition_query import EditionQuery
from paperround.papers.editions import Sort
from paperround.papers.merge import READERS_FEED
from paperround.papers.period import EditionPeriod, Period
from paperround.papers.readings import read_abstract, read_title
from paperround.papers.rows import ListingRow, PaperRow
from paperround.search.engine import SearchResult
from paperround.search.filters import SearchFilters
from paperround.search.query_syntax import MAX_QUERY_LENGTH
from paperround.search.results import load_result_papers
from paperround.text.links import percent_encode_url
from paperround.text.markup import escape_markdown, render_unicode
from paperround.web import cursor as cursors
from paperround.web.dependencies import Config, NotFound, Read, database_of
from paperround.web.hub.items import Json, item, paper_object, write_item
from paperround.web.params import PaperId, get_paper_or_404
from paperround.web.router import Router
from paperround.web.search_params import encode_search

FEEDS: Final = ("huggingface", READERS_FEED)
DEFAULT_LIMIT: Final = 50
DEFAULT_SEARCH_LIMIT: Final = 20
MAX_SEARCH_LIMIT: Final = 120
LAST_PAGE: Final = 100_000
SORTS: Final = {"publishedAt": Sort.published, "trending": Sort.trending}
PERIODS: Final = {"date": Period.day, "week": Period.week, "month": Period.month}

router = Router(tags=["hub-compatible"])


@router.get("/api/daily_papers", response_model=list[Json], summary="Daily papers, as the hub lists them")
async def daily_papers(
    session: Read,
    date: Annotated[str | None, Query(description="A day.", examples=["2025-10-29"])] = None,
    week: Annotated[str | None, Query(description="An ISO week.", examples=["2025-W44"])] = None,
    month: Annotated[str | None, Query(description="A month.", examples=["2025-10"])] = None,
    submitter: Annotated[str | None, Query(description="Who put it on the list: their hub name.")] = None,
    sort: Annotated[str | None, Query(description="`publishedAt` or `trending`.")] = None,
    p: Annotated[str | None, Query(description="The page, from 0.")] = None,
    limit: Annotated[str | None, Query(description="Listings a page, 1 to 100.", examples=["50"])] = None,
) -> Response:
    """List papers from the newest day back, each day by votes.

    Unknown parameters are ignored and numbers out of bounds are clamped. Only an invalid date is refused.
    """
    count = min(max(_number(limit, DEFAULT_LIMIT), 1), 100)
    page = min(max(_number(p, 0), 0), LAST_PAGE)
    rows = await editions.list_listed_papers(
        session,
        _choice({"date": date, "week": week, "month": month}, submitter),
        sort=SORTS.get(sort or ""),
        limit=count,
        offset=page * count,
        with_authors=True,
    )
    return write_list(rows)


def write_list(
    listed: Iterable[tuple[ListingRow, PaperRow]], headers: Mapping[str, str] | None = None
) -> Response:
    """Write the items of papers, with a listing of each."""
    body = b"[%b]" % b",".join([write_item(listing, paper) for listing, paper in listed])
    return Response(body, headers=headers, media_type="application/json")


def _number(value: str | None, default: int) -> int:
    try:
        return int(value[:9]) if value else default
    except ValueError:
        return default


def _choice(days: Mapping[str, str | None], submitter: str | None) -> EditionQuery:
    span = next((EditionPeriod.parse(PERIODS[name], value) for name, value in days.items() if value), None)
    return replace(
        EditionQuery.for_period(span) if span else EditionQuery(), feeds=FEEDS, submitter=submitter or None
    )


@router.get("/api/papers/search", response_model=list[Json], summary="Search, as the hub answers it")
async def search_papers(
    request: Request,
    q: Annotated[str | None, Query(description="What to look for; without it, the newest.")] = None,
    limit: Annotated[str | None, Query(description="Papers, 1 to 120.", examples=["20"])] = None,
) -> Response:
    """Search papers. The best come first, in the form of the daily list."""
    count = min(max(_number(limit, DEFAULT_SEARCH_LIMIT), 1), MAX_SEARCH_LIMIT)
    asking = await encode_search(request, (q or "")[:MAX_QUERY_LENGTH])
    choice = EditionQuery(feeds=FEEDS)
    async with database_of(request).read_session() as session:
        if not asking.query.text:
            rows = await editions.list_listed_papers(
                session, choice, sort=None, limit=count, offset=0, with_authors=True
            )
            return write_list(rows)
        on_lists = editions.select_listed_ids(FEEDS)
        found = await asking.search(session, filters=SearchFilters(paper_ids=on_lists), limit=count)
        named = [SearchResult.of_id(asking.paper_id)] if asking.paper_id else []
        matched = await load_result_papers(session, named or found.results, with_authors=True)
        papers = [paper for _, paper in matched]
        return write_list(await _find_listed(session, papers))


async def _find_listed(session: ReadSession, papers: Sequence[PaperRow]) -> list[tuple[ListingRow, PaperRow]]:
    """Find the papers' latest listings on the hub's lists. Papers without one are left out."""
    listings = await editions.load_listings(session, [paper.id for paper in papers])
    return [
        (ours[-1], paper)
        for paper in papers
        if (ours := [row for row in listings[paper.id] if row.feed in FEEDS])
    ]


@router.get("/api/papers", response_model=list[Json], summary="All papers, page by page")
async def list_papers(
    session: Read,
    settings: Config,
    cursor: Annotated[str | None, Query(max_length=200, description="Where the page before ended.")] = None,
    limit: Annotated[str | None, Query(description="Papers a page, 1 to 100.", examples=["50"])] = None,
) -> Response:
    """List papers, the latest published first. The header `Link` has the address of the next page."""
    count = min(max(_number(limit, DEFAULT_LIMIT), 1), 100)
    position = cursors.decode(Sort.published, cursor) if cursor else None
    page = await editions.list_papers(
        session,
        EditionQuery(feeds=FEEDS),
        sort=Sort.published,
        limit=count,
        after=position,
        with_authors=True,
    )
    headers: dict[str, str] = {}
    if page.next_position:
        following = cursors.encode(Sort.published, page.next_position)
        address = f"{settings.address}/api/papers?{urlencode({'limit': count, 'cursor': following})}"
        headers["Link"] = f'<{address}>; rel="next"'
    return write_list(await _find_listed(session, page.papers), headers)


@router.get("/api/papers/{paper_id:path}", response_model=Json, summary="One paper, as the hub gives it")
async def paper_info(session: Read, paper_id: PaperId) -> JSONResponse:
    paper, listing = await _listed_paper(session, paper_id, with_authors=True)
    inner = paper_object(listing, paper)
    return JSONResponse(
        {**inner, **{k: v for k, v in item(listing, paper).items() if k not in {*inner, "paper"}}}
    )


class Markdown(PlainTextResponse):
    media_type = "text/markdown"


@router.get("/papers/{paper_id:path}.md", response_class=Markdown, summary="One paper in Markdown")
async def paper_markdown(session: Read, paper_id: PaperId) -> Markdown:
    paper, _ = await _listed_paper(session, paper_id)
    return Markdown(markdown(paper))


async def _listed_paper(
    session: Read, paper_id: str, *, with_authors: bool = False
) -> tuple[PaperRow, ListingRow]:
    """Load a paper of the hub's lists or one that a reader submitted, but never a sample."""
    paper = await get_paper_or_404(session, paper_id, with_authors=with_authors)
    listings = [
        row for row in (await editions.load_listings(session, [paper.id]))[paper.id] if row.feed in FEEDS
    ]
    if not listings:
        raise NotFound(f"Paper {paper.id} is not on the hub's lists.")
    return paper, listings[-1]


def markdown(paper: PaperRow) -> str:
    """Serve the title, the authors, links and texts as plain Markdown, whatever markup is in them."""
    links = [
        f"https://arxiv.org/abs/{paper.id}",
        f"https://arxiv.org/pdf/{paper.id}",
        paper.github_url,
        paper.project_url,
    ]
    parts = [
        f"# {escape_markdown(read_title(paper).text)}",
        escape_markdown(", ".join(paper.author_names)),
        f"Published {paper.published_at:%Y-%m-%d}",
        "**This paper has been withdrawn.**" if paper.withdrawn else "",
        "\n".join(f"- <{percent_encode_url(link)}>" for link in links if link),
        "## Abstract",
        escape_markdown(read_abstract(paper).text),
        *(["## Summary", escape_markdown(render_unicode(paper.summary))] if paper.summary else []),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"
