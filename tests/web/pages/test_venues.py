"""The page of a venue, and where a paper tells it."""

from __future__ import annotations

import httpx
import pytest
from sqlalchemy import update

from paperround.database import Database
from paperround.papers.tables import Paper

from support.factories import feed_record, store_listing
from support.pages import Page

ODD = 'J. of "A/B" <x>?'


async def store_with_venues(database: Database) -> None:
    records = [feed_record(f"2603.0000{n}", paper__upvotes=n) for n in (1, 2, 3)]
    await store_listing(database, "2026-03-02", *records)
    async with database.write_session() as session:
        for key, venue in (("2603.00001", "ICML"), ("2603.00002", "ICML"), ("2603.00003", ODD)):
            await session.execute(update(Paper).where(Paper.id == key).values(venue=venue))


async def test_a_venue_has_its_papers_and_papers_lead_there(
    pages: httpx.AsyncClient, database: Database
) -> None:
    await store_with_venues(database)
    page = Page(await pages.get("/venues/ICML?order=votes"))
    assert list(dict.fromkeys(page.papers())) == ["2603.00002", "2603.00001"]
    assert "2 papers since March 2026, with 3 votes." in page.text
    paper = Page(await pages.get("/papers/2603.00001"))
    assert "Appeared at ICML , by its authors’ word." in paper.text
    assert "/venues/ICML" in paper.links()
    (link,) = [one for one in Page(await pages.get("/papers/2603.00003")).links() if "/venues/" in one]
    answer = await pages.get(link)
    assert list(dict.fromkeys(Page(answer).papers())) == ["2603.00003"]
    assert "<x>" not in answer.text
    assert (await pages.get("/api/v1/papers/2603.00001")).json()["venue"] == "ICML"


@pytest.mark.parametrize(("name", "status"), [("NeurIPS", 404), ("x" * 201, 400), ("%00", 400), ("", 308)])
async def test_what_is_no_venue_says_so(pages: httpx.AsyncClient, name: str, status: int) -> None:
    assert (await pages.get(f"/venues/{name}")).status_code == status
