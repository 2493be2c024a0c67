"""`/about`: what this site is, where its papers come from, what it knows of its readers."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from paperround.web import shown
from paperround.web.request import Config, Read, page

router = APIRouter(include_in_schema=False)


@router.get("/about")
async def about(request: Request, session: Read, settings: Config) -> HTMLResponse:
    return await page(
        request,
        session,
        "about.html",
        feeds=settings.feeds,
        half_life=shown.hours(settings.trending_half_life_hours),
    )
