"""A paper in the words of schema.org, on its page."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from web.pages.test_editions import SCRIPT, opened

from support.citation_records import full
from support.factories import item, listed

BLOCK = re.compile(r'<script type="application/ld\+json">(.*?)</script>', re.S)


@pytest.fixture
async def pages(database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with opened(database_url) as client:
        yield client


async def told(pages: httpx.AsyncClient, paper_id: str = "2603.00001") -> dict[str, Any]:
    (block,) = BLOCK.findall((await pages.get(f"/papers/{paper_id}")).text)
    found: dict[str, Any] = json.loads(block)
    return found


async def test_a_paper_is_a_scholarly_article(pages, database):
    await listed(database, "2026-03-02", full("2603.00001"))
    article = await told(pages)

    assert (article["@context"], article["@type"]) == ("https://schema.org", "ScholarlyArticle")
    assert article["headline"] == "Patient Gradients, Part 2603.00001"
    assert [person["name"] for person in article["author"]] == ["Ada Lindqvist", "Benedikt Åström"]
    assert article["datePublished"] == "2026-02-26"
    assert article["url"] == "http://127.0.0.1:8000/papers/2603.00001"
    assert article["sameAs"] == "https://arxiv.org/abs/2603.00001"
    assert article["sourceOrganization"]["name"] == "Open Rivers Lab"


async def test_a_sample_is_no_paper_of_arxiv(pages, database):
    await listed(database, "2026-03-02", item("0000.00001"), feed="sample")

    assert "sameAs" not in await told(pages, "0000.00001")


async def test_no_text_ends_the_block(pages, database):
    title = f"</script>{SCRIPT}<!-- \\u003c/script"
    await listed(database, "2026-03-02", item("2603.00001", title=title, paper__title=title))

    assert (await told(pages))["headline"] == title


async def test_what_is_shared_has_a_picture_in_words(pages, database):
    await listed(database, "2026-03-02", full("2603.00001"))
    text = (await pages.get("/papers/2603.00001")).text

    assert '<meta property="og:title" content="Patient Gradients, Part 2603.00001">' in text
    assert '<meta property="og:url" content="http://127.0.0.1:8000/papers/2603.00001">' in text
    assert '<meta property="og:description" content="Gradients come to those who wait.">' in text
