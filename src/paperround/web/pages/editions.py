"""The pages of editions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Final

from fastapi import Depends, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.responses import Response

from paperround import sample
from paperround.feeds import status
from paperround.i18n.messages import gettext as _
from paperround.papers import editions
from paperround.papers.anniversary import find_day_a_year_before
from paperround.papers.edition_facts import EditionFacts, ask_days, ask_edition
from paperround.papers.edition_query import EditionQuery
from paperround.papers.editions import Sort
from paperround.papers.period import EditionPeriod, Period
from paperround.papers.rows import PaperRow
from paperround.papers.vote_history import ask_vote_histories
from paperround.reads import round_trip
from paperround.web import cursor as cursors
from paperround.web import reader_edition
from paperround.web.dependencies import Config, Now, Read, render_page, settings_of, viewer_of
from paperround.web.pages.subscribe import SubscribeBox, ask_subscribe_box
from paperround.web.params import Category
from paperround.web.router import Router
from paperround.web.viewer import ask_viewer_state
from paperround.web.views import paper_cards, presenters
from paperround.web.views.for_you import FOR_YOU_ROOM
from paperround.web.views.month import MonthOutline

PAGE_SIZE: Final = 30  # papers with whole abstracts; a page stays below 100 kB
QUIET_DAY: Final = 3  # papers; a day with fewer also shows some of a year ago
MAX_YEAR_AGO: Final = 5

latest = Router(include_in_schema=False, default_response_class=HTMLResponse)
router = Router(include_in_schema=False, default_response_class=HTMLResponse)
After = Annotated[str | None, Query(max_length=500)]


@dataclass(frozen=True)
class EditionParams:
    """Which part of an edition is shown, and in what order: by votes, or by `fit` for who is signed in."""

    after: str | None
    category: str | None
    order: str


async def read_edition_params(
    after: After = None, category: Category = None, order: Annotated[str, Query(max_length=20)] = ""
) -> EditionParams:
    return EditionParams(after, category, order)


Shown = Annotated[EditionParams, Depends(read_edition_params)]


@latest.get("/")
async def redirect_to_papers() -> RedirectResponse:
    return RedirectResponse("/papers")


@latest.get("/papers")
async def show_latest(
    request: Request,
    session: Read,
    settings: Config,
    now: Now,
    shown: Shown,
) -> Response:
    """Show the latest edition that has papers.

    It is mostly that of the day that was the newest a moment ago, which what is asked of an edition tells.
    """
    known: date | None = request.app.state.newest_day
    if known is not None:
        facts = await _ask_facts(request, session, EditionPeriod.containing(Period.day, known), shown)
        if facts.edition.papers and facts.edition.following_day is None:
            return await _show_edition(request, session, facts, now, shown)
    day = request.app.state.newest_day = await editions.find_newest_day(session)
    if day is None:
        feeds = [await status.load_feed_status(session, name, now=now) for name in settings.feeds]
        return await render_page(request, session, "papers/none_yet.html", feeds=feeds, now=now)
    return await _show_period(request, session, EditionPeriod.containing(Period.day, day), now, shown)


@router.get("/papers/date")
async def redirect_to_day(day: Annotated[str, Query(max_length=40)] = "") -> RedirectResponse:
    """Lead from the form with a date to that day's edition."""
    return RedirectResponse(
        presenters.edition_address(EditionPeriod.parse(Period.day, day)) if day else "/papers",
        status_code=303,
    )


@router.get("/papers/date/{key}")
async def show_day(request: Request, session: Read, now: Now, key: str, shown: Shown) -> HTMLResponse:
    return await _show_period(request, session, EditionPeriod.parse(Period.day, key), now, shown)


@router.get("/papers/week/{key}")
async def show_week(request: Request, session: Read, now: Now, key: str, shown: Shown) -> HTMLResponse:
    return await _show_period(request, session, EditionPeriod.parse(Period.week, key), now, shown)


@router.get("/papers/month/{key}")
async def show_month(request: Request, session: Read, now: Now, key: str, shown: Shown) -> HTMLResponse:
    return await _show_period(request, session, EditionPeriod.parse(Period.month, key), now, shown)


async def _show_period(
    request: Request, session: Read, period: EditionPeriod, now: datetime, shown: EditionParams
) -> HTMLResponse:
    facts = await _ask_facts(request, session, period, shown)
    return await _show_edition(request, session, facts, now, shown)


@dataclass(frozen=True)
class ShownEdition:
    """What is asked at once for the page of an edition."""

    period: EditionPeriod
    query: EditionQuery
    position: editions.ListPosition | None
    listed: editions.BarePage
    edition: EditionFacts
    counts: Mapping[date, int]
    read_at: datetime | None
    reader: reader_edition.ReaderFacts
    box: SubscribeBox | None
    is_sample: bool


async def _ask_facts(
    request: Request, session: Read, period: EditionPeriod, shown: EditionParams
) -> ShownEdition:
    viewer, category = viewer_of(request), shown.category
    query, position = EditionQuery.for_period(period, category), cursors.decode(Sort.upvotes, shown.after)
    async with round_trip(session) as trip:
        reader = reader_edition.ask_reader_facts(trip, viewer, period, query)
        listed = editions.ask_papers(trip, query, sort=Sort.upvotes, limit=PAGE_SIZE, after=position)
        facts = ask_edition(trip, period, category)
        counts = ask_days(trip, *_months_of(period), category)
        read_at = status.ask_last_success(trip, settings_of(request).feeds)
        box = ask_subscribe_box(trip, request)
        is_sample = sample.ask_whether_shown(trip)
    return ShownEdition(
        period,
        query,
        position,
        listed.result,
        facts.result,
        counts.result,
        read_at.result,
        reader.result,
        box.result,
        is_sample.result,
    )


async def _show_edition(
    request: Request, session: Read, facts: ShownEdition, now: datetime, shown: EditionParams
) -> HTMLResponse:
    viewer, category, period = viewer_of(request), shown.category, facts.period
    query, totals, reader = facts.query, facts.edition, facts.reader
    matches = reader.matches
    by_fit = shown.order == "fit" and bool(matches.matches)
    if by_fit:
        part = await reader_edition.list_by_fit(
            session, matches, query, limit=PAGE_SIZE, after=facts.position
        )
    else:
        part = await facts.listed.complete(session)
    is_quiet = period.period is Period.day and totals.papers < QUIET_DAY and not (category or shown.after)
    year_ago = await _find_year_ago(session, period.first, now.date()) if is_quiet else None
    papers = [*part.papers, *(year_ago.papers if year_ago else ())]
    async with round_trip(session) as trip:
        histories = ask_vote_histories(trip, part.papers, now=now)
        asked_marks = ask_viewer_state(trip, request, papers, matches)
    marks = asked_marks.result
    cards = paper_cards.build_paper_cards(
        papers,
        today=now.date(),
        moved=histories.result,
        for_reader=viewer is not None,
        room=paper_cards.CARDS_ROOM - (FOR_YOU_ROOM if matches.matches else 0),
    )
    entries = cards[: len(part.papers)]
    mine = None
    if viewer and not shown.after:
        mine = await reader_edition.describe(session, query, reader, marks)
    return await render_page(
        request,
        None,
        "papers/edition.html",
        span=period,
        totals=totals,
        year_ago=year_ago,
        earlier=cards[len(part.papers) :],
        category=category,
        entries=entries,
        marks=marks,
        mine=mine,
        by_fit=by_fit,
        box=facts.box,
        more=cursors.encode(Sort.upvotes, part.next_position),
        now=now,
        sample=facts.is_sample,
        **_describe_surroundings(facts, category, now, part.papers),
    )


def _months_of(period: EditionPeriod) -> tuple[date, date]:
    """Give the first and the last day of the months in which an edition lies."""
    first, last = (EditionPeriod.containing(Period.month, day) for day in (period.first, period.last))
    return first.first, last.last


@dataclass(frozen=True)
class YearAgo:
    """The most voted papers of a day about a year ago: what the day is called, its address, the papers."""

    label: str
    address: str
    papers: Sequence[PaperRow]


async def _find_year_ago(session: Read, day: date, today: date) -> YearAgo | None:
    earlier = await find_day_a_year_before(session, day) if day <= today else None
    if earlier is None:
        return None
    query = EditionQuery(first=earlier, last=earlier)
    part = await editions.list_papers(session, query, sort=Sort.upvotes, limit=MAX_YEAR_AGO)
    edition = EditionPeriod.containing(Period.day, earlier)
    label = presenters.write_heading(edition, today=today)
    return YearAgo(label, presenters.edition_address(edition), part.papers)


def _describe_surroundings(
    facts: ShownEdition, category: str | None, now: datetime, papers: Sequence[PaperRow]
) -> dict[str, Any]:
    """Describe the edition's time and its neighbours. Only the newest edition says how fresh it is."""
    today, period, counts = now.date(), facts.period, facts.counts
    previous, following = facts.edition.previous_day, facts.edition.following_day
    read_at = None if following else facts.read_at
    anchor = presenters.choose_anchor_day(period, papers, today=today)
    month = EditionPeriod.containing(Period.month, anchor)
    return {
        "month": MonthOutline(month, tuple(sorted(counts.items())), period, category, today),
        "heading": presenters.write_heading(period, today=today),
        "extent": presenters.write_extent(period),
        "previous": _link_to_edition(period, previous, today, category),
        "following": _link_to_edition(period, following, today, category),
        "read_at": read_at,
        "silent": bool(read_at and now - read_at > status.SILENT_AFTER),
        "kinds": _link_to_periods(period, anchor, category),
        "day": anchor,
        "today": today,
    }


def _link_to_edition(
    period: EditionPeriod, day: date | None, today: date, category: str | None
) -> tuple[str, str] | None:
    """Give the address and the name of the edition with this day, of the same kind and category."""
    if day is None:
        return None
    other = EditionPeriod.containing(period.period, day)
    return presenters.edition_address(other, category), presenters.write_neighbour_label(other, today=today)


def _link_to_periods(
    current: EditionPeriod, day: date, category: str | None
) -> tuple[tuple[str, str, bool], ...]:
    """Give the same time as a day, a week and a month: name, address, and whether it is the current one."""
    names = {Period.day: _("Day"), Period.week: _("Week"), Period.month: _("Month")}
    return tuple(
        (
            names[period],
            presenters.edition_address(EditionPeriod.containing(period, day), category),
            period is current.period,
        )
        for period in Period
    )
