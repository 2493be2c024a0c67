"""The page of a venue: the papers that appeared there, by what their authors told arXiv."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import HTMLResponse

from paperround.papers import editions
from paperround.papers.edition_query import EditionQuery
from paperround.papers.editions import Sort
from paperround.papers.venues import count_venue
from paperround.web import cursor as cursors
from paperround.web.dependencies import NotFound, Now, Read, render_page
from paperround.web.pages.subscribe import build_subscribe_box
from paperround.web.viewer import load_follow_state, load_viewer_state
from paperround.web.views import presenters

PAGE_SIZE: Final = 30
ORDERS: Final = {"newest": Sort.published, "votes": Sort.upvotes}

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


# A journal's name may have a slash.
@router.get("/venues/{name:path}")
async def show_venue(
    request: Request,
    session: Read,
    now: Now,
    name: Annotated[str, Path(max_length=200)],
    order: Annotated[str, Query(max_length=20)] = "newest",
    after: Annotated[str | None, Query(max_length=500)] = None,
) -> HTMLResponse:
    totals = await count_venue(session, name)
    if totals is None:
        raise NotFound(f"No paper here tells that it appeared at {name[:60]}.")
    chosen = order if order in ORDERS else "newest"
    sort = ORDERS[chosen]
    position = cursors.decode(sort, after)
    part = await editions.list_papers(
        session, EditionQuery(venue=name), sort=sort, limit=PAGE_SIZE, after=position
    )
    address = presenters.venue_address(name)
    return await render_page(
        request,
        session,
        "papers/venue.html",
        name=name,
        totals=totals,
        follows=await load_follow_state(request, session),
        entries=presenters.build_paper_cards(part.papers, today=now.date()),
        marks=await load_viewer_state(request, session, part.papers),
        box=await build_subscribe_box(request, session),
        more=cursors.encode(sort, part.next_position),
        address=address if chosen == "newest" else f"{address}?order={chosen}",
        orders=[
            ("Newest", address, chosen == "newest"),
            ("Most voted", f"{address}?order=votes", chosen == "votes"),
        ],
    )
