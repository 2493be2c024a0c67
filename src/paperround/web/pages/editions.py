"""The pages of papers: editions, trending, one paper."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.responses import Response

from paperround import sample
from paperround.feeds import status
from paperround.papers import editions
from paperround.papers.arxiv_id import bare_id
from paperround.papers.editions import Choice, Sort
from paperround.papers.period import Period, Span
from paperround.papers.tables import Paper
from paperround.papers.vote_history import movements
from paperround.search.similar import similar
from paperround.settings import Settings
from paperround.web import cursor as cursors
from paperround.web.api.papers import MOST_SIGNALS, Category, found
from paperround.web.dependencies import Config, Now, Read, page, settings_of
from paperround.web.pages import search
from paperround.web.pages.subscribe import box
from paperround.web.search_params import Filtered, Sought
from paperround.web.syndication.citations import bibtex
from paperround.web.views import charts, presenters
from paperround.web.views.linked_data import scholarly_article
from paperround.web.views.viewer_state import marks

PAGE: Final = 30  # with whole abstracts: a page stays below 100 kB
SIMILAR: Final = 8

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
After = Annotated[str | None, Query(max_length=500)]


@router.get("/")
async def home() -> RedirectResponse:
    return RedirectResponse("/papers")


@router.get("/papers")
async def latest(
    request: Request,
    asking: Sought,
    filters: Filtered,
    session: Read,
    settings: Config,
    now: Now,
    after: After = None,
    category: Category = None,
) -> Response:
    """The latest edition that has papers; with `q`, a search."""
    if asking is not None:
        return await search.results(request, session, asking, filters, now, after)
    day = await editions.newest_day(session)
    if day is None:
        feeds = [await status.state(session, name, now=now) for name in settings.feeds]
        return await page(request, session, "papers/none_yet.html", feeds=feeds, now=now)
    return await _edition(request, session, Span.of(Period.day, day), now, after, category)


@router.get("/papers/date")
async def chosen_day(day: Annotated[str, Query(max_length=40)] = "") -> RedirectResponse:
    """Where the form with the date leads."""
    return RedirectResponse(
        presenters.address(Span.parse(Period.day, day)) if day else "/papers", status_code=303
    )


@router.get("/papers/date/{key}")
async def daily(
    request: Request, session: Read, now: Now, key: str, after: After = None, category: Category = None
) -> HTMLResponse:
    return await _edition(request, session, Span.parse(Period.day, key), now, after, category)


@router.get("/papers/week/{key}")
async def weekly(
    request: Request, session: Read, now: Now, key: str, after: After = None, category: Category = None
) -> HTMLResponse:
    return await _edition(request, session, Span.parse(Period.week, key), now, after, category)


@router.get("/papers/month/{key}")
async def monthly(
    request: Request, session: Read, now: Now, key: str, after: After = None, category: Category = None
) -> HTMLResponse:
    return await _edition(request, session, Span.parse(Period.month, key), now, after, category)


async def _edition(
    request: Request, session: Read, span: Span, now: datetime, after: str | None, category: str | None
) -> HTMLResponse:
    place = cursors.decode(Sort.upvotes, after)
    choice = Choice.of(span, category)
    part = await editions.papers(session, choice, sort=Sort.upvotes, limit=PAGE, after=place)
    moved = await movements(session, part.papers, now=now)
    return await page(
        request,
        session,
        "papers/edition.html",
        span=span,
        totals=await editions.totals(session, span, category),
        category=category,
        entries=presenters.entries(part.papers, today=now.date(), moved=moved),
        marks=await marks(request, session, part.papers),
        box=await box(request, session),
        more=cursors.encode(Sort.upvotes, part.more),
        now=now,
        **await _around(session, span, category, now, settings_of(request), part.papers),
    )


async def _around(
    session: Read,
    span: Span,
    category: str | None,
    now: datetime,
    settings: Settings,
    papers: Sequence[Paper],
) -> dict[str, Any]:
    """What an edition's page says of its time, and where it leads. The newest one says how fresh it is."""
    today = now.date()
    previous, following = await editions.neighbours(session, span)
    read_at = None if following else await status.last_read(session, settings.feeds)
    anchor = presenters.anchor(span, papers, today=today)
    return {
        "heading": presenters.heading(span, today=today),
        "extent": presenters.extent(span),
        "previous": _turn(span, previous, today, category),
        "following": _turn(span, following, today, category),
        "read_at": read_at,
        "silent": bool(read_at and now - read_at > status.SILENT_AFTER),
        "kinds": _kinds(span, anchor, category),
        "day": anchor,
        "today": today,
    }


def _turn(span: Span, day: date | None, today: date, category: str | None) -> tuple[str, str] | None:
    """Address and words of the edition of the same kind, and category, that `day` lies in."""
    if day is None:
        return None
    other = Span.of(span.period, day)
    return presenters.address(other, category), presenters.turning(other, today=today)


def _kinds(span: Span, day: date, category: str | None) -> list[tuple[str, str, bool]]:
    """The same time as a day, a week and a month: words, address, whether it is this one."""
    return [
        (period.value.capitalize(), presenters.address(Span.of(period, day), category), period is span.period)
        for period in Period
    ]


@router.get("/papers/trending")
async def trending(
    request: Request, session: Read, settings: Config, now: Now, after: After = None
) -> HTMLResponse:
    place = cursors.decode(Sort.trending, after)
    part = await editions.papers(session, Choice(), sort=Sort.trending, limit=PAGE, after=place)
    moved = await movements(session, part.papers, now=now)
    return await page(
        request,
        session,
        "papers/trending.html",
        entries=presenters.entries(part.papers, today=now.date(), moved=moved),
        marks=await marks(request, session, part.papers),
        box=await box(request, session),
        more=cursors.encode(Sort.trending, part.more),
        half_life=presenters.hours(settings.trending_half_life_hours),
    )


@router.get("/papers/{paper_id:path}")
async def one_paper(request: Request, session: Read, settings: Config, now: Now, paper_id: str) -> Any:
    """A version, or another form of the id, leads to the bare id's page."""
    if not paper_id:
        return RedirectResponse("/papers", status_code=308)
    paper = await found(session, paper_id)
    if paper_id != bare_id(paper_id):
        return RedirectResponse(f"/papers/{paper.id}", status_code=308)
    today = now.date()
    alike = await similar(session, paper.id, limit=SIMILAR)
    listings = (await editions.listings(session, [paper.id]))[paper.id]
    signals = await editions.signals(session, paper.id, limit=MOST_SIGNALS)
    return await page(
        request,
        session,
        "papers/paper.html",
        paper=paper,
        marks=await marks(request, session, [paper]),
        entry=presenters.entry(paper, today=today),
        authors=presenters.folded(paper.author_names),
        listings=[
            (presenters.turning(span, today=today), presenters.address(span), row)
            for row in listings
            for span in [Span.of(Period.day, row.day)]
        ],
        linked_data=scholarly_article(
            paper,
            url=f"{settings.address}/papers/{paper.id}",
            on_arxiv=not await sample.is_shown(session),
        ),
        bibtex=bibtex(paper, settings),
        signals=signals,
        chart=charts.chart(signals, until=paper.seen_at),
        similar=[(presenters.entry(other, today=today), round(100 * cosine)) for other, cosine in alike],
        today=today,
    )
