"""What machines that come by themselves get."""

from __future__ import annotations

from collections.abc import AsyncIterator
from xml.etree import ElementTree

import httpx
import pytest

from paperround.database import Database

from support.pages import opened, three_days

SITEMAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"


@pytest.fixture
async def pages(database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with opened(database_url) as client:
        yield client


async def places(pages: httpx.AsyncClient, address: str) -> list[str]:
    answer = await pages.get(address)
    assert answer.headers["Content-Type"] == "application/xml"
    found = [loc.text or "" for loc in ElementTree.fromstring(answer.content).iter(f"{SITEMAP}loc")]
    return [place.removeprefix("http://127.0.0.1:8000") for place in found]


async def test_the_sitemap_has_a_file_for_each_month(pages: httpx.AsyncClient, database: Database) -> None:
    await three_days(database)

    assert await places(pages, "/sitemap.xml") == ["/sitemap/2026-03.xml", "/sitemap/2026-02.xml"]
    assert await places(pages, "/sitemap/2026-03.xml") == [
        "/papers/month/2026-03",
        "/papers/2603.00001",
        "/papers/2603.00002",
        "/papers/2603.00003",
        "/papers/2603.00010",
        "/papers/astro-ph/0601001",
    ]


async def test_a_sitemap_of_an_empty_site_is_empty(pages: httpx.AsyncClient) -> None:
    assert await places(pages, "/sitemap.xml") == []


async def test_no_month_is_no_sitemap(pages: httpx.AsyncClient) -> None:
    assert (await pages.get("/sitemap/2026-13.xml")).status_code == 400


async def test_robots_are_told_of_the_sitemap_and_kept_from_what_costs_or_is_private(
    pages: httpx.AsyncClient,
) -> None:
    text = (await pages.get("/robots.txt")).text

    assert "Sitemap: http://127.0.0.1:8000/sitemap.xml" in text.splitlines()
    assert {"Disallow: /papers?q=", "Disallow: /saved"} <= set(text.splitlines())


async def test_the_icon_is_where_it_is_looked_for(pages: httpx.AsyncClient) -> None:
    icon = await pages.get("/favicon.ico", follow_redirects=True)

    assert (icon.status_code, icon.headers["Content-Type"]) == (200, "image/svg+xml")


async def test_about_answers_how_and_why(pages: httpx.AsyncClient) -> None:
    text = (await pages.get("/about")).text

    for words in ["How trending works", "half as much after 24 hours", "Hugging Face", "no tracking pixels"]:
        assert words in text
