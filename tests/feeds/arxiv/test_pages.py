"""arXiv's papers on pages and in the API: categories, versions, withdrawals and all forms of ids."""

from __future__ import annotations

from datetime import date

import httpx
import pytest

from paperround.database import Database
from paperround.feeds.arxiv import record as arxiv_record
from paperround.feeds.arxiv import xml
from paperround.papers import catalogue

from support.arxiv_server import ArxivPaper, announcement, atom_announcements, query_entry, query_response
from support.factories import HALF_LIFE, feed_record, store_listing, utc

OLD = "astro-ph/0601001"


async def stored(database: Database, day: str, entry: str) -> None:
    body = (
        query_response(1, 0, entry)
        if "arxiv.org/abs/" in entry.split("</id>")[0]
        else atom_announcements(day, entry)
    )
    parse = xml.parse_query_page if body.count(b"totalResults") else xml.parse_announcements
    papers = [arxiv_record.parse_record(record, ["cs.CL"]) for record in parse(body, "").entries]
    async with database.write_session() as session:
        await catalogue.store_papers(
            session,
            papers,
            feed="arxiv",
            day=date.fromisoformat(day),
            seen_at=utc(f"{day} 12:00"),
            half_life=HALF_LIFE,
        )


@pytest.mark.parametrize("version", ["", "v1", "v12"])
async def test_old_ids_work_everywhere_and_a_version_redirects_to_the_bare_id(
    database: Database, web: httpx.Client, version: str
) -> None:
    await store_listing(database, "2026-03-03", feed_record(OLD))
    page = web.get(f"/papers/{OLD}{version}")
    assert page.status_code == (308 if version else 200)
    if version:
        assert page.headers["Location"] == f"/papers/{OLD}"
    for address in (f"/api/v1/papers/{OLD}{version}", f"/api/papers/{OLD}{version}"):
        assert web.get(address).json()["id"] == OLD
    assert web.get(f"/api/v1/papers/{OLD}{version}/signals").status_code == 200
    assert web.get(f"/papers/{OLD}{version}.md", follow_redirects=True).text.startswith("# Patient")


async def test_a_category_filters_lists_of_the_api_and_pages(database: Database, web: httpx.Client) -> None:
    await stored(database, "2026-03-03", announcement(ArxivPaper(), "new", "2026-03-03"))
    await store_listing(database, "2026-03-03", feed_record("2603.00002"))
    for query in ("date=2026-03-03&category=cs.AI", "category=cs.AI"):
        (paper,) = web.get(f"/api/v1/papers?{query}").json()["papers"]
        assert paper["categories"] == ["cs.CL", "cs.AI"]
    assert web.get("/api/v1/papers?category=cs.CV").json()["papers"] == []
    page = web.get("/papers/date/2026-03-03?category=cs.AI").text
    assert "/papers/2603.00001" in page
    assert "/papers/2603.00002" not in page
    assert 'href="/papers/date/2026-03-03?category=cs.CL"' in web.get("/papers/2603.00001").text


async def test_a_category_filters_searches(database: Database, web: httpx.Client) -> None:
    await stored(database, "2026-03-03", announcement(ArxivPaper(), "new", "2026-03-03"))
    await store_listing(database, "2026-03-03", feed_record("2603.00002"))
    for category, wanted in (("cs.AI", ["2603.00001"]), ("cs.CV", []), ("", ["2603.00001", "2603.00002"])):
        query = {"q": "gradients", "category": category}
        hits = web.get("/api/v1/search", params=query).json()["papers"]
        assert sorted(hit["paper"]["id"] for hit in hits) == wanted
        page = web.get("/papers", params=query).text
        assert [key for key in ("2603.00001", "2603.00002") if f'href="/papers/{key}"' in page] == wanted
        assert f'name="category" value="{category}"' in page


async def test_the_next_page_keeps_the_category(database: Database, web: httpx.Client) -> None:
    for day in ("2026-03-03", "2026-03-04", "2026-03-05"):
        await stored(database, day, announcement(ArxivPaper(), "new", day))
    page = web.get("/papers/date/2026-03-04?category=cs.AI").text
    for address in ("date/2026-03-03", "date/2026-03-05", "week/2026-W10", "month/2026-03"):
        assert f'href="/papers/{address}?category=cs.AI"' in page


@pytest.mark.parametrize("category", ["cs.CL'", "x" * 31, "<b>", "cs.CL;1", "%00"])
def test_an_invalid_category_is_rejected(web: httpx.Client, category: str) -> None:
    assert web.get("/api/v1/papers", params={"category": category}).status_code == 400
    assert web.get("/papers/date/2026-03-03", params={"category": category}).status_code == 400


async def test_version_and_withdrawal_are_shown(database: Database, web: httpx.Client) -> None:
    paper = ArxivPaper(version=3, revised="2026-03-05T09:00:00", comment="This paper has been withdrawn")
    await stored(database, "2026-03-03", query_entry(paper))
    told = web.get("/api/v1/papers/2603.00001").json()
    assert (told["version"], told["revised_at"], told["withdrawn"]) == (3, "2026-03-05T09:00:00Z", True)
    assert [listing["kind"] for listing in told["listings"]] == ["new"]
    page = web.get("/papers/2603.00001").text
    assert "This paper has been withdrawn." in page
    assert "Version 3, revised" in page
    assert "huggingface.co/papers" not in page


async def test_a_doi_links_to_the_publisher(database: Database, web: httpx.Client) -> None:
    await stored(database, "2026-03-03", query_entry(ArxivPaper(doi='10.1000/X"><script>alert(1)</script>')))
    doi = '10.1000/x"><script>alert(1)</script>'
    address = "https://doi.org/10.1000/x%22%3E%3Cscript%3Ealert(1)%3C/script%3E"
    assert web.get("/api/v1/papers/2603.00001").json()["doi"] == doi
    page = web.get("/papers/2603.00001").text
    assert f'<a href="{address}">DOI</a>' in page
    assert f'"sameAs": ["https://arxiv.org/abs/2603.00001", "{address}"]' in page
    assert "<script>alert" not in page
    assert f"  doi = {{{doi}}},\n" in web.get("/papers/2603.00001.bib").text
    assert f"\r\nDO  - {doi}\r\n" in web.get("/papers/2603.00001.ris").text


async def test_a_paper_without_a_doi_has_no_link_to_a_publisher(
    database: Database, web: httpx.Client
) -> None:
    await stored(database, "2026-03-03", query_entry(ArxivPaper()))
    assert web.get("/api/v1/papers/2603.00001").json()["doi"] is None
    assert "doi" not in web.get("/papers/2603.00001").text.lower()


async def test_the_hub_compatible_lists_have_only_the_hubs_papers(
    database: Database, web: httpx.Client
) -> None:
    await stored(database, "2026-03-03", announcement(ArxivPaper(), "new", "2026-03-03"))
    assert web.get("/api/daily_papers?date=2026-03-03").json() == []
    assert web.get("/api/papers/2603.00001").status_code == 404
    await store_listing(database, "2026-03-03", feed_record())
    (listing,) = web.get("/api/daily_papers?date=2026-03-03").json()
    assert listing["paper"]["upvotes"] == 7
