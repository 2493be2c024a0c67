"""The page of one paper."""

from __future__ import annotations

import httpx
import numpy as np
import pytest

from paperround.database import Database
from paperround.embeddings.tables import Embedding, EmbeddingModel, ModelState
from paperround.papers.tables import Paper

from support.citation_records import complete_feed_record
from support.factories import store_listing, utc
from support.pages import TODAY, Page, three_days


async def test_a_paper_tells_all_that_is_known_but_hidden_authors(
    pages: httpx.AsyncClient, database: Database
) -> None:
    await store_listing(database, "2026-03-02", complete_feed_record("2603.00001", paper__upvotes=41))
    page = Page(await pages.get("/papers/2603.00001"))

    for words in [
        "Ada Lindqvist",
        "Benedikt Åström",
        "Open Rivers Lab",
        "41",
        "Gradients come to those who wait.",
    ]:
        assert words in page.text
    assert "Verborgen" not in page.text
    assert {
        "https://arxiv.org/abs/2603.00001",
        "https://github.com/open-rivers/patience",
        "https://patience.example.org/",
        "/papers/date/2026-03-02",
    } <= set(page.links())


async def test_a_hidden_author_is_on_no_page(pages: httpx.AsyncClient, database: Database) -> None:
    await store_listing(
        database,
        "2026-03-02",
        complete_feed_record("2603.00001", paper__authors=[{"name": "Cyn Verborgen", "hidden": True}]),
    )

    for address in ["/papers", "/papers/week/2026-W10", "/papers/trending", "/papers/2603.00001"]:
        assert "Verborgen" not in (await pages.get(address)).text


@pytest.mark.parametrize(
    ("address", "target"),
    [
        ("/papers/2603.00010v2", "/papers/2603.00010"),
        ("/papers/astro-ph/0601001v3", "/papers/astro-ph/0601001"),
        ("/papers/%202603.00010", "/papers/2603.00010"),
    ],
)
async def test_a_version_leads_to_the_bare_id(
    pages: httpx.AsyncClient, database: Database, address: str, target: str
) -> None:
    await three_days(database)
    answer = await pages.get(address)

    assert (answer.status_code, answer.headers["Location"]) == (308, target)


@pytest.mark.parametrize("address", ["/papers/astro-ph/0601001", "/papers/astro-ph%2F0601001"])
async def test_old_ids_have_a_page(pages: httpx.AsyncClient, database: Database, address: str) -> None:
    await three_days(database)
    page = Page(await pages.get(address))

    assert page.status == 200
    assert "https://arxiv.org/abs/astro-ph/0601001" in page.links()


async def test_similar_papers_stand_on_a_papers_page_nearest_first(
    pages: httpx.AsyncClient, database: Database
) -> None:
    await three_days(database)
    rows = {"2603.00001": (1.0, 0.0), "2603.00002": (0.6, 0.8), "2603.00003": (0.8, 0.6)}
    async with database.write_session() as session:
        model = EmbeddingModel(name="m", dimensions=2, state=ModelState.current, created_at=utc(TODAY))
        session.add(model)
        await session.flush()
        for paper_id, row in rows.items():
            digest = (await session.get_one(Paper, paper_id)).text_hash
            session.add(
                Embedding(
                    model_id=model.id,
                    paper_id=paper_id,
                    text_hash=digest,
                    vector=np.array(row, np.float32),
                    embedded_at=utc(TODAY),
                    failures=0,
                )
            )

    assert Page(await pages.get("/papers/2603.00001")).papers()[-2:] == ["2603.00003", "2603.00002"]
    assert "/papers/2603.00001" not in Page(await pages.get("/papers/2603.00010")).links()


async def test_keywords_lead_to_a_search_and_authors_to_their_pages(
    pages: httpx.AsyncClient, database: Database
) -> None:
    await store_listing(
        database,
        "2026-03-02",
        complete_feed_record(
            "2603.00001", paper__ai_keywords=["flow matching", "C++ & more"], paper__organization=None
        ),
    )
    links = Page(await pages.get("/papers/2603.00001")).links()

    assert {"/authors/Ada%20Lindqvist", "/papers?q=flow+matching", "/papers?q=C%2B%2B+%26+more"} <= set(links)
    for link in links:
        if link.startswith("/papers?q="):
            assert (await pages.get(link)).status_code == 200
