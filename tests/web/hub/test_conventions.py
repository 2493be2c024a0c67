"""What clients of the hub expect beside its lists: pages by cursor, long searches, Markdown on request."""

from __future__ import annotations

import re

import httpx
import pytest

from paperround.database import Database
from paperround.web.negotiation import prefers_markdown

from support.factories import feed_record, store_listing
from support.pages import opened


@pytest.fixture
async def many(database: Database) -> Database:
    records = [
        feed_record(f"2603.{n:05}", paper__publishedAt=f"2026-03-01T{n % 24:02}:00:00.000Z")
        for n in range(130)
    ]
    await store_listing(database, "2026-03-02", *records)
    return database


async def follow(client: httpx.AsyncClient, path: str) -> list[str]:
    ids: list[str] = []
    while path:
        answer = await client.get(path)
        assert answer.status_code == 200
        ids += [item["paper"]["id"] for item in answer.json()]
        following = re.fullmatch(r'<[^>]*?(/api/papers\?[^>]+)>; rel="next"', answer.headers.get("Link", ""))
        path = following[1] if following else ""
    return ids


async def test_all_papers_come_page_by_page_each_once(many: Database, database_url: str) -> None:
    async with opened(database_url) as client:
        ids = await follow(client, "/api/papers?limit=30")
        whole = await client.get("/api/papers?limit=999")
        refused = await client.get("/api/papers?cursor=nonsense")
    assert len(ids) == len(set(ids)) == 130
    assert len(whole.json()) == 100
    assert refused.status_code == 400


async def test_a_search_may_have_120_papers(many: Database, database_url: str) -> None:
    async with opened(database_url) as client:
        found = (await client.get("/api/papers/search?q=gradients&limit=500")).json()
    assert len(found) == 120


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("text/markdown", True),
        ("text/markdown, text/html", True),
        ("text/html;q=0.5, TEXT/Markdown;q=0.9", True),
        ("text/html, text/markdown;q=0.5", False),
        ("text/html,application/xhtml+xml,*/*;q=0.8", False),
        ("*/*", False),
        ("", False),
        ("text/markdown;q=0", False),
        ("text/markdown;q=9", True),
        (", ;q=, text/markdown;q=x", True),
    ],
)
def test_markdown_is_given_to_whoever_names_it(accept: str, wanted: bool) -> None:
    assert prefers_markdown(accept) is wanted


async def test_a_papers_page_leads_to_its_markdown_on_request(many: Database, database_url: str) -> None:
    async with opened(database_url) as client:
        answer = await client.get(
            "/papers/2603.00001", headers={"Accept": "text/markdown"}, follow_redirects=True
        )
        page = await client.get("/papers/2603.00001", headers={"Accept": "text/html"})
    assert answer.headers["Content-Type"].startswith("text/markdown")
    assert page.headers["Content-Type"].startswith("text/html")


async def test_an_unknown_ids_page_offers_to_submit_it(many: Database, database_url: str) -> None:
    async with opened(database_url) as client:
        unknown = await client.get("/papers/2603.99999")
        impossible = await client.get("/papers/nothing")
    assert (unknown.status_code, impossible.status_code) == (404, 404)
    assert 'href="/submit?paper=2603.99999"' in unknown.text
    assert "/submit?paper" not in impossible.text
