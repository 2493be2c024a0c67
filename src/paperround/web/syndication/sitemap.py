"""Serves what machines look for by themselves: robots.txt, the sitemap, and the icon at its usual address."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final
from xml.sax.saxutils import escape

from fastapi.responses import PlainTextResponse, RedirectResponse
from starlette.responses import Response

from paperround.papers import editions
from paperround.papers.period import EditionPeriod, Period
from paperround.web.dependencies import Config, Read
from paperround.web.router import Router
from paperround.web.views import presenters

MAX_ADDRESSES: Final = 50_000  # addresses in one file, by the protocol
PRIVATE: Final = (
    "/papers?q=",
    "/sign-in",
    "/topics",
    "/following",
    "/saved",
    "/settings",
    "/subscribe",
    "/outbox",
    "/api/",
)
XML: Final = "application/xml"
SITEMAPS: Final = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
CACHE_HEADERS: Final = {"Cache-Control": "public, max-age=3600"}

router = Router(include_in_schema=False)


@router.get("/robots.txt")
async def robots(settings: Config) -> PlainTextResponse:
    """Keep crawlers away from readers' own pages and from costly ones."""
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in PRIVATE)]
    return PlainTextResponse(
        "\n".join([*lines, f"Sitemap: {settings.address}/sitemap.xml", ""]), headers=CACHE_HEADERS
    )


@router.get("/favicon.ico")
async def icon() -> RedirectResponse:
    return RedirectResponse("/static/favicon.svg", status_code=308)


@router.get("/sitemap.xml")
async def sitemap(session: Read, settings: Config) -> Response:
    """Serve the index of all months' sitemaps, the newest first."""
    days = await editions.find_first_and_last_day(session)
    months = list(_months(*days)) if days else []
    places = [f"{settings.address}/sitemap/{month.key}.xml" for month in months]
    items = "".join(f"<sitemap><loc>{escape(place)}</loc></sitemap>" for place in places[:MAX_ADDRESSES])
    return _xml(f"<sitemapindex {SITEMAPS}>{items}</sitemapindex>")


@router.get("/sitemap/{key}.xml")
async def month_sitemap(session: Read, settings: Config, key: str) -> Response:
    """Serve a month's sitemap: its edition and the papers listed in it."""
    month = EditionPeriod.parse(Period.month, key)
    ids = await editions.list_paper_ids(session, month, limit=MAX_ADDRESSES - 1)
    places = [presenters.edition_address(month), *(f"/papers/{paper_id}" for paper_id in ids)]
    items = "".join(f"<url><loc>{escape(settings.address + place)}</loc></url>" for place in places)
    return _xml(f"<urlset {SITEMAPS}>{items}</urlset>")


def _months(first: date, last: date) -> Iterator[EditionPeriod]:
    month = EditionPeriod.containing(Period.month, last)
    while month.last >= first:
        yield month
        month = EditionPeriod.containing(Period.month, month.first - timedelta(days=1))


def _xml(body: str) -> Response:
    return Response(f'<?xml version="1.0" encoding="UTF-8"?>{body}', media_type=XML, headers=CACHE_HEADERS)
