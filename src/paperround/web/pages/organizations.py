"""The page of an organization: its papers, the newest or the most voted first."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Request
from fastapi.responses import HTMLResponse

from paperround.i18n.messages import gettext as _
from paperround.papers.edition_query import EditionQuery
from paperround.papers.organizations import count_organization, find_organization
from paperround.web.dependencies import NotFound, Now, Read, render_page
from paperround.web.pages.paper_lists import Place, build_paper_list
from paperround.web.router import Router
from paperround.web.views import presenters

router = Router(include_in_schema=False, default_response_class=HTMLResponse)


# A name is whatever the feed gave, and may have a slash.
@router.get("/organizations/{name:path}")
async def show_organization(
    request: Request,
    session: Read,
    now: Now,
    name: Annotated[str, Path(max_length=500)],
    place: Place,
) -> HTMLResponse:
    organization = await find_organization(session, name)
    if organization is None:
        raise NotFound(_("There is no organization %(value)s here.", value=name[:60]))
    return await render_page(
        request,
        session,
        "papers/organization.html",
        organization=organization,
        totals=await count_organization(session, name),
        hub_url=presenters.hub_organization_url(organization),
        **await build_paper_list(
            request,
            session,
            EditionQuery(organization=name),
            place,
            presenters.organization_address(name),
            today=now.date(),
            by_people=True,
        ),
    )
