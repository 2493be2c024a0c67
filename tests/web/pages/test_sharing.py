"""From a paper's page one shares it and reads on elsewhere, and a link to it shows a card."""

from __future__ import annotations

import re
from io import BytesIO

import httpx
import pytest
from PIL import Image
from pydantic import ValidationError

from paperround.database import Database
from paperround.settings import Settings

from support.factories import feed_record, store_listing
from support.pages import Page, opened

TITLE = 'Rivers & *Stars*, $O(n^2)$ "quoted" 100%'


@pytest.fixture
async def listed(database: Database) -> None:
    changes = {
        "title": TITLE,
        "paper__title": TITLE,
        "paper__summary": "We wait. Code: https://code.example/a.",
    }
    await store_listing(
        database,
        "2026-03-02",
        feed_record("2603.00001", **changes),
        feed_record("astro-ph/0601001", **changes),
    )


@pytest.mark.usefixtures("listed")
async def test_a_page_leads_on_and_gives_what_to_copy(database_url: str) -> None:
    tools = "Notes=https://notes.example/add?u={url}&t={title}, Reader=https://r.example/{id}?pdf={pdf}"
    async with opened(database_url, public_url="https://p.example", paper_links=tools) as client:
        page = Page(await client.get("/papers/2603.00001"))
        old = Page(await client.get("/papers/astro-ph/0601001"))
    assert {
        "https://arxiv.org/html/2603.00001",
        "https://www.alphaxiv.org/abs/2603.00001",
        "https://huggingface.co/papers/2603.00001",
        "https://api.semanticscholar.org/arXiv:2603.00001",
        "https://notes.example/add?u=https%3A%2F%2Fp.example%2Fpapers%2F2603.00001"
        "&t=Rivers%20%26%20%2AStars%2A%2C%20O%28n%C2%B2%29%20%22quoted%22%20100%25",
        "https://r.example/2603.00001?pdf=https%3A%2F%2Farxiv.org%2Fpdf%2F2603.00001",
        "https://code.example/a",
    } <= set(page.links())
    assert "https://www.alphaxiv.org/abs/astro-ph/0601001" in old.links()
    assert not any("arxiv.org/html" in link for link in old.links())

    fields = {attrs["id"]: attrs for tag, attrs in page.elements if tag == "input" and "readonly" in attrs}
    assert fields["share-link"]["value"] == "https://p.example/papers/2603.00001"
    assert fields["share-markdown"]["value"] == (
        r'[Rivers & \*Stars\*, O(n²) "quoted" 100%](https://p.example/papers/2603.00001),'
        " by Ada Lindqvist, Benedikt Åström (2026)"
    ).replace("Rivers &", r"Rivers \&")


@pytest.mark.usefixtures("listed")
async def test_a_link_to_a_paper_shows_its_card(database_url: str) -> None:
    async with opened(database_url, site_name="Card Site", search_rate=2) as client:
        for paper_id in ("2603.00001", "astro-ph/0601001"):
            page = (await client.get(f"/papers/{paper_id}")).text
            (address,) = re.findall(r'og:image" content="http://127.0.0.1:8000([^"]+)"', page)
            answer = await client.get(address)
            assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/png")
            assert answer.headers["Cache-Control"] == "public, max-age=86400"
            with Image.open(BytesIO(answer.content)) as picture:
                assert picture.size == (1200, 630)
        # What is drawn is kept; drawing more than a network may ask for in a minute is refused.
        assert (await client.get("/papers/2603.00001/card.png", headers={"Cookie": "a=b"})).status_code == 200
        assert (await client.get("/papers?q=rivers")).status_code == 429
        assert (await client.get("/papers/2603.99999/card.png")).status_code == 404


@pytest.mark.parametrize(
    "tools",
    ["Notes", "=https://a.example/{id}", "Notes=https://a.example/", "Notes=javascript:alert({id})",
     "Notes=https://{id}.example/", "Notes=https://a.example/{secret}", "Notes=https://a.example/{id}{",
     "Notes=ftp://a.example/{id}", "<b>=https://a.example/{id}", ",".join(["N=https://a.example/{id}"] * 11)],
)  # fmt: skip
def test_a_tool_that_no_paper_can_lead_to_is_refused(tools: str) -> None:
    with pytest.raises(ValidationError, match="paper_links"):
        Settings(_env_file=None, paper_links=tools)


async def test_a_sample_is_nowhere_else(database: Database, database_url: str) -> None:
    await store_listing(database, "2026-03-02", feed_record("0000.00001"))
    async with opened(database_url) as client:
        assert not any(
            "00000.00001" in link or "alphaxiv" in link
            for link in Page(await client.get("/papers/0000.00001")).links()
        )


async def test_citations_and_other_files_still_have_their_addresses(library: httpx.AsyncClient) -> None:
    for ending in (".bib", ".ris", ".json", "/card.png"):
        assert (await library.get(f"/papers/2603.00001{ending}")).status_code == 200, ending
