"""The page of an organization: its papers, newest or most voted first."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import HTMLResponse

from paperround.papers import editions
from paperround.papers.editions import Choice, Sort
from paperround.web import cursor as cursors
from paperround.web.dependencies import NotFound, Now, Read, page
from paperround.web.pages.subscribe import box
from paperround.web.views import presenters
from paperround.web.views.viewer_state import marks

PAGE: Final = 30
ORDERS: Final = {"newest": Sort.published, "votes": Sort.upvotes}

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


# A name is whatever the feed gave, a slash in it too.
@router.get("/organizations/{name:path}")
async def organization(
    request: Request,
    session: Read,
    now: Now,
    name: Annotated[str, Path(max_length=500)],
    order: Annotated[str, Query(max_length=20)] = "newest",
    after: Annotated[str | None, Query(max_length=500)] = None,
) -> HTMLResponse:
    group = await editions.organization(session, name)
    if group is None:
        raise NotFound(f"There is no organization {name[:60]} here.")
    chosen = order if order in ORDERS else "newest"
    sort = ORDERS[chosen]
    place = cursors.decode(sort, after)
    part = await editions.papers(session, Choice(organization=name), sort=sort, limit=PAGE, after=place)
    address = presenters.organization_address(name)
    return await page(
        request,
        session,
        "papers/organization.html",
        organization=group,
        totals=await editions.organization_totals(session, name),
        entries=presenters.entries(part.papers, today=now.date(), by_people=True),
        marks=await marks(request, session, part.papers),
        box=await box(request, session),
        more=cursors.encode(sort, part.more),
        address=address if chosen == "newest" else f"{address}?order={chosen}",
        orders=[
            ("Newest", address, chosen == "newest"),
            ("Most voted", f"{address}?order=votes", chosen == "votes"),
        ],
        hub_url=presenters.hub_organization(group),
        today=now.date(),
    )
