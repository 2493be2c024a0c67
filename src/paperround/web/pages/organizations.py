"""The page of an organization: its papers, the newest or the most voted first."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import HTMLResponse

from paperround.papers import editions
from paperround.papers.edition_query import EditionQuery
from paperround.papers.editions import Sort
from paperround.papers.organizations import count_organization, find_organization
from paperround.web import cursor as cursors
from paperround.web.dependencies import NotFound, Now, Read, is_signed_in, render_page
from paperround.web.pages.subscribe import build_subscribe_box
from paperround.web.viewer import load_follow_state, load_viewer_state
from paperround.web.views import presenters

PAGE_SIZE: Final = 30
ORDERS: Final = {"newest": Sort.published, "votes": Sort.upvotes}

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


# A name is whatever the feed gave, and may have a slash.
@router.get("/organizations/{name:path}")
async def show_organization(
    request: Request,
    session: Read,
    now: Now,
    name: Annotated[str, Path(max_length=500)],
    order: Annotated[str, Query(max_length=20)] = "newest",
    after: Annotated[str | None, Query(max_length=500)] = None,
) -> HTMLResponse:
    organization = await find_organization(session, name)
    if organization is None:
        raise NotFound(f"There is no organization {name[:60]} here.")
    chosen = order if order in ORDERS else "newest"
    sort = ORDERS[chosen]
    position = cursors.decode(sort, after)
    part = await editions.list_papers(
        session, EditionQuery(organization=name), sort=sort, limit=PAGE_SIZE, after=position
    )
    address = presenters.organization_address(name)
    return await render_page(
        request,
        session,
        "papers/organization.html",
        organization=organization,
        follows=await load_follow_state(request, session),
        totals=await count_organization(session, name),
        entries=presenters.build_paper_cards(
            part.papers, today=now.date(), by_people=True, for_reader=is_signed_in(request)
        ),
        marks=await load_viewer_state(request, session, part.papers),
        box=await build_subscribe_box(request, session),
        more=cursors.encode(sort, part.next_position),
        address=address if chosen == "newest" else f"{address}?order={chosen}",
        orders=[
            ("Newest", address, chosen == "newest"),
            ("Most voted", f"{address}?order=votes", chosen == "votes"),
        ],
        hub_url=presenters.hub_organization_url(organization),
        today=now.date(),
    )
