"""`/about`: what this site is, where its papers come from and what it knows about its readers."""

from __future__ import annotations

from fastapi import Request
from fastapi.responses import HTMLResponse

from paperround.web.dependencies import Config, Read, render_page
from paperround.web.router import Router
from paperround.web.views import presenters

router = Router(include_in_schema=False)


@router.get("/about")
async def show_about(request: Request, session: Read, settings: Config) -> HTMLResponse:
    """Show the page about this site."""
    return await render_page(
        request,
        session,
        "about.html",
        feeds=settings.feeds,
        half_life=presenters.format_hours(settings.trending_half_life_hours),
    )
