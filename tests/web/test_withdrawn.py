"""A withdrawn paper is marked wherever it is listed, and it never trends."""

from __future__ import annotations

import pytest

from paperround.database import Database

from support.factories import feed_record, store_listing
from support.pages import Page, opened

GONE, KEPT = "2603.00001", "2603.00002"
WITHDRAWN_AT = "2026-03-09T10:00:00.000Z"


@pytest.fixture
async def listed(database: Database) -> Database:
    await store_listing(
        database,
        "2026-03-09",
        feed_record(GONE, title="Rivers of Old", paper__title="Rivers of Old", paper__upvotes=90,
                    paper__withdrawnAt=WITHDRAWN_AT),
        feed_record(KEPT, title="Rivers of Now", paper__title="Rivers of Now", paper__upvotes=10),
    )  # fmt: skip
    return database


@pytest.mark.parametrize("path", ["/papers/date/2026-03-09", "/papers/month/2026-03", "/papers?q=rivers"])
async def test_lists_and_search_mark_it(listed: Database, database_url: str, path: str) -> None:
    async with opened(database_url) as client:
        page = await client.get(path)
    marked, other = page.text.split(f'id="paper-{GONE}"')[1], page.text.split(f'id="paper-{KEPT}"')[1]
    assert "Withdrawn</strong>" in marked.partition("</li>")[0]
    assert "Withdrawn</strong>" not in other.partition("</li>")[0]


@pytest.mark.parametrize(
    "path", ["/papers/trending", "/api/v1/papers?sort=trending", "/api/daily_papers?sort=trending"]
)
async def test_it_never_trends(listed: Database, database_url: str, path: str) -> None:
    async with opened(database_url) as client:
        answer = await client.get(path)
    assert answer.status_code == 200
    assert KEPT in answer.text
    assert GONE not in answer.text


async def test_feeds_and_citations_say_it(listed: Database, database_url: str) -> None:
    async with opened(database_url) as client:
        atom = await client.get("/feeds/daily.atom")
        feed = await client.get("/feeds/daily.json")
        bibtex = await client.get(f"/papers/{GONE}.bib")
        ris = await client.get(f"/papers/{GONE}.ris")
        markdown = await client.get(f"/papers/{GONE}.md")
        hub = await client.get(f"/api/papers/{GONE}")
        own = await client.get(f"/api/v1/papers/{GONE}")
        page = await client.get(f"/papers/{GONE}")
        kept = await client.get(f"/papers/{KEPT}.bib")
    assert "[Withdrawn] Rivers of Old" in atom.text
    assert {item["title"] for item in feed.json()["items"]} == {"[Withdrawn] Rivers of Old", "Rivers of Now"}
    assert "note = {Withdrawn}" in bibtex.text
    assert "N1  - Withdrawn" in ris.text
    assert "**This paper has been withdrawn.**" in markdown.text
    assert hub.json()["withdrawnAt"] == WITHDRAWN_AT
    assert own.json()["withdrawn"] is True
    assert "This paper has been withdrawn." in Page(page).text
    assert "Withdrawn" not in kept.text
