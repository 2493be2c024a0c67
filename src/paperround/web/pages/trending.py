"""The pages of what trends now, and of what trended in a week or a month by the votes of that time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Final

from fastapi import Query, Request
from fastapi.responses import HTMLResponse

from paperround import sample
from paperround.i18n.messages import gettext as _
from paperround.i18n.messages import pgettext
from paperround.papers import editions
from paperround.papers.edition_query import EditionQuery
from paperround.papers.editions import Sort
from paperround.papers.period import EditionPeriod, Period, PeriodInvalid
from paperround.papers.vote_gains import list_most_voted
from paperround.papers.vote_history import ask_vote_histories
from paperround.reads import round_trip
from paperround.web import cursor as cursors
from paperround.web.dependencies import Config, Now, Read, is_signed_in, render_page
from paperround.web.pages.subscribe import ask_subscribe_box, build_subscribe_box
from paperround.web.router import Router
from paperround.web.viewer import ask_viewer_state, load_viewer_state
from paperround.web.views import paper_cards, presenters

PAGE_SIZE: Final = 30
MAX_RANK: Final = 300  # of a week or month; what lies behind gained next to nothing

router = Router(prefix="/papers/trending", include_in_schema=False, default_response_class=HTMLResponse)
Rank = Annotated[int, Query(alias="after", ge=0, le=MAX_RANK, description="How many papers are left out.")]


@router.get("")
async def show_trending(
    request: Request,
    session: Read,
    settings: Config,
    now: Now,
    after: Annotated[str | None, Query(max_length=500)] = None,
) -> HTMLResponse:
    position = cursors.decode(Sort.trending, after)
    async with round_trip(session) as trip:
        listed = editions.ask_papers(
            trip, EditionQuery(), sort=Sort.trending, limit=PAGE_SIZE, after=position
        )
        box = ask_subscribe_box(trip, request)
        is_sample = sample.ask_whether_shown(trip)
    part = await listed.result.complete(session)
    async with round_trip(session) as trip:
        histories = ask_vote_histories(trip, part.papers, now=now)
        marks = ask_viewer_state(trip, request, part.papers)
    return await render_page(
        request,
        None,
        "papers/trending.html",
        kinds=_link_to_periods(None, now.date()),
        entries=paper_cards.build_paper_cards(
            part.papers, today=now.date(), moved=histories.result, for_reader=is_signed_in(request)
        ),
        marks=marks.result,
        box=box.result,
        sample=is_sample.result,
        more=cursors.encode(Sort.trending, part.next_position),
        half_life=presenters.format_hours(settings.trending_half_life_hours),
    )


@router.get("/week/{key}")
async def show_week(request: Request, session: Read, now: Now, key: str, after: Rank = 0) -> HTMLResponse:
    return await _show_period(request, session, EditionPeriod.parse(Period.week, key), now, after)


@router.get("/month/{key}")
async def show_month(request: Request, session: Read, now: Now, key: str, after: Rank = 0) -> HTMLResponse:
    return await _show_period(request, session, EditionPeriod.parse(Period.month, key), now, after)


async def _show_period(
    request: Request, session: Read, period: EditionPeriod, now: datetime, after: int
) -> HTMLResponse:
    """Show the papers that gained the most votes in a week or a month, whenever they were listed."""
    gains = await list_most_voted(session, period.first, period.last, limit=PAGE_SIZE + 1, offset=after)
    votes = {gain.paper_id: gain.votes for gain in gains[:PAGE_SIZE]}
    found = await editions.load_papers(session, votes)
    papers = [found[key] for key in votes if key in found]
    next_rank = after + PAGE_SIZE
    return await render_page(
        request,
        session,
        "papers/trended.html",
        span=period,
        kinds=_link_to_periods(period, now.date()),
        heading=presenters.write_heading(period, today=now.date()),
        extent=presenters.write_extent(period),
        address=presenters.trending_address(period),
        edition_address=presenters.edition_address(period),
        neighbours=await _find_neighbours(session, period, now.date()),
        entries=paper_cards.build_paper_cards(papers, today=now.date(), for_reader=is_signed_in(request)),
        votes=votes,
        marks=await load_viewer_state(request, session, papers),
        box=await build_subscribe_box(request, session),
        after=after,
        more=str(next_rank) if len(gains) > PAGE_SIZE and next_rank <= MAX_RANK else None,
        today=now.date(),
    )


@dataclass(frozen=True)
class Neighbours:
    """The periods before and after one, as names and addresses. None where there is nothing."""

    previous: tuple[str, str] | None
    following: tuple[str, str] | None


async def _find_neighbours(session: Read, period: EditionPeriod, today: date) -> Neighbours:
    days = await editions.find_first_and_last_day(session)
    if days is None:
        return Neighbours(None, None)
    before, after = period.first, period.last

    def link(day: date) -> tuple[str, str]:
        other = EditionPeriod.containing(period.period, day)
        return presenters.write_neighbour_label(other, today=today), presenters.trending_address(other)

    return Neighbours(
        link(min(before - timedelta(days=1), days[1])) if before > days[0] else None,
        link(max(after + timedelta(days=1), days[0])) if after < min(days[1], today) else None,
    )


def _link_to_periods(current: EditionPeriod | None, today: date) -> tuple[tuple[str, str, bool], ...]:
    """Link to what trends now, and to the week and month of `current`, else of today.

    Each is a name, an address, and whether it is the current one.
    """
    anchor = min(current.last, today) if current else today
    if current and current.first > today:
        anchor = current.first
    links = [(pgettext("trending", "Now"), "/papers/trending", current is None)]
    names = {Period.week: _("Week"), Period.month: _("Month")}
    for period in names:
        try:
            other = EditionPeriod.containing(period, anchor)
        except PeriodInvalid:
            continue  # the end of the calendar
        is_current = current is not None and current.period is period
        links.append((names[period], presenters.trending_address(other), is_current))
    return tuple(links)
