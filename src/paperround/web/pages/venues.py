"""The page of a venue: the papers that appeared there, by what their authors told arXiv."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Request
from fastapi.responses import HTMLResponse

from paperround.i18n.messages import gettext as _
from paperround.papers.edition_query import EditionQuery
from paperround.papers.venues import count_venue
from paperround.web.dependencies import NotFound, Now, Read, render_page
from paperround.web.pages.paper_lists import Place, build_paper_list
from paperround.web.router import Router
from paperround.web.views import presenters

router = Router(include_in_schema=False, default_response_class=HTMLResponse)


# A journal's name may have a slash.
@router.get("/venues/{name:path}")
async def show_venue(
    request: Request,
    session: Read,
    now: Now,
    name: Annotated[str, Path(max_length=200)],
    place: Place,
) -> HTMLResponse:
    totals = await count_venue(session, name)
    if totals is None:
        raise NotFound(_("No paper here tells that it appeared at %(value)s.", value=name[:60]))
    return await render_page(
        request,
        session,
        "papers/venue.html",
        name=name,
        totals=totals,
        **await build_paper_list(
            request,
            session,
            EditionQuery(venue=name),
            place,
            presenters.venue_address(name),
            today=now.date(),
        ),
    )
