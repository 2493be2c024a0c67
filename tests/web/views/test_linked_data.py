"""A paper in the words of schema.org, on its page."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from paperround.database import Database

from support.citation_records import complete_feed_record
from support.factories import feed_record, store_listing
from support.pages import SCRIPT, Page, opened

BLOCK = re.compile(r'<script type="application/ld\+json">(.*?)</script>', re.S)


@pytest.fixture
async def pages(database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with opened(database_url) as client:
        yield client


async def told(pages: httpx.AsyncClient, paper_id: str = "2603.00001") -> dict[str, Any]:
    (block,) = BLOCK.findall((await pages.get(f"/papers/{paper_id}")).text)
    found: dict[str, Any] = json.loads(block)
    return found


async def test_a_paper_is_a_scholarly_article(pages: httpx.AsyncClient, database: Database) -> None:
    await store_listing(database, "2026-03-02", complete_feed_record("2603.00001"))
    article = await told(pages)

    assert (article["@context"], article["@type"]) == ("https://schema.org", "ScholarlyArticle")
    assert article["headline"] == "Patient Gradients, Part 2603.00001"
    assert [person["name"] for person in article["author"]] == ["Ada Lindqvist", "Benedikt Åström"]
    assert article["datePublished"] == "2026-02-26"
    assert article["url"] == "http://127.0.0.1:8000/papers/2603.00001"
    assert article["sameAs"] == "https://arxiv.org/abs/2603.00001"
    assert article["sourceOrganization"]["name"] == "Open Rivers Lab"


async def test_a_sample_is_no_paper_of_arxiv(pages: httpx.AsyncClient, database: Database) -> None:
    await store_listing(database, "2026-03-02", feed_record("0000.00001"), feed="sample")

    assert "sameAs" not in await told(pages, "0000.00001")


async def test_no_text_ends_the_block(pages: httpx.AsyncClient, database: Database) -> None:
    title = f"</script>{SCRIPT}<!-- \\u003c/script"
    await store_listing(database, "2026-03-02", feed_record("2603.00001", title=title, paper__title=title))

    assert (await told(pages))["headline"] == title


async def test_what_is_shared_has_a_picture_in_words(pages: httpx.AsyncClient, database: Database) -> None:
    await store_listing(database, "2026-03-02", complete_feed_record("2603.00001"))
    text = (await pages.get("/papers/2603.00001")).text

    assert '<meta property="og:title" content="Patient Gradients, Part 2603.00001">' in text
    assert '<meta property="og:url" content="http://127.0.0.1:8000/papers/2603.00001">' in text
    assert '<meta property="og:description" content="Gradients come to those who wait.">' in text


async def test_a_browser_button_finds_the_paper_on_its_page_and_in_lists(
    pages: httpx.AsyncClient, database: Database
) -> None:
    title = f'Patient "Gradients" {SCRIPT} & more'
    await store_listing(
        database, "2026-03-02", complete_feed_record("2603.00001", title=title, paper__title=title)
    )
    tags = [
        (attrs["name"], attrs["content"])
        for tag, attrs in Page(await pages.get("/papers/2603.00001")).elements
        if tag == "meta" and (attrs.get("name") or "").startswith("citation_")
    ]
    authors = ["Lindqvist, Ada", "Åström, Benedikt"]
    assert tags[:3] == [("citation_title", title), *(("citation_author", name) for name in authors)]
    assert ("citation_pdf_url", "https://arxiv.org/pdf/2603.00001") in tags
    for address in ("/papers", "/papers/trending", "/papers/week/2026-W10", "/papers?q=gradients"):
        found = [
            attrs for _, attrs in Page(await pages.get(address)).elements if attrs.get("class") == "Z3988"
        ]
        (told,) = [parse_qs(attrs["title"] or "", strict_parsing=True) for attrs in found]
        assert told["rft.title"] == [title], address
        assert told["rft.creator"] == ["Lindqvist, Ada", "Åström, Benedikt"]
