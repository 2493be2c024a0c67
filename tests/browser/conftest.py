"""A real Chromium, and a site with papers such as nobody hopes for."""

from __future__ import annotations

import asyncio
import math
import shutil
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright
from sqlalchemy import select

from paperround.database import Database
from paperround.embeddings.tables import Embedding, EmbeddingModel, ModelState
from paperround.field_map.tables import FieldMap
from paperround.papers.tables import Paper
from paperround.settings import Settings

from support.browser import DESK, NEIGHBOUR, ODD, Opener
from support.databases import new_database
from support.factories import feed_record, store_listing, utc
from support.sites import running_site

QUIET = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]
CHROMIUMS = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"]  # the quickest first


@pytest.fixture(scope="session")
def odd_site(server: str) -> Iterator[str]:
    """A site with long, right-to-left, empty and mathematical papers; one's votes were seen to grow."""
    with new_database(server) as url:
        asyncio.run(_fill(url))
        with running_site(Settings(_env_file=None, site_byline="by Ada and the others"), url) as address:
            yield address


async def _fill(url: str) -> None:
    async with Database(url) as database:
        for hour, votes in enumerate((1, 3, 9, 22, 40)):
            seen = feed_record("2603.00104", paper__upvotes=votes)
            await store_listing(database, "2026-03-03", seen, seen_at=utc(f"2026-03-03 0{hour}:00"))
        await store_listing(database, "2026-03-04", *ODD)
        await _embed(database)
        async with database.write_session() as session:
            points = [[f"2603.0010{n}", 180 * n, 120 * n, n % 2] for n in range(1, 6)]
            content = {"points": points, "groups": ["patient gradients", "Donaudampf · mixed words"]}
            session.add(FieldMap(made_at=utc("2026-03-04"), inputs="", content=content))


async def _embed(database: Database) -> None:
    """Vectors, so that every paper has papers like it: the higher its number, the further round."""
    async with database.write_session() as session:
        model = EmbeddingModel(name="m", dimensions=2, state=ModelState.current, created_at=utc("2026-03-04"))
        session.add(model)
        await session.flush()
        for place, paper in enumerate(await session.scalars(select(Paper).order_by(Paper.id))):
            row = np.array([math.cos(place / 9), math.sin(place / 9)], np.float32)
            session.add(
                Embedding(
                    model_id=model.id,
                    paper_id=paper.id,
                    text_hash=paper.text_hash,
                    vector=row,
                    embedded_at=utc("2026-03-04"),
                    failures=0,
                )
            )


@pytest.fixture(scope="package")
def browser(site: str, odd_site: str) -> Iterator[Browser]:
    """The sites start first: Playwright keeps an event loop in this thread for as long as it runs.

    It runs no longer than this folder's tests, since those of other folders may need a loop of their own.
    """
    chromium = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if chromium is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium-headless-shell)")
    with sync_playwright() as playwright:
        named = f"--host-resolver-rules=MAP {NEIGHBOUR} 127.0.0.1"
        running = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", named, *QUIET])
        yield running
        running.close()


expect.set_options(timeout=30_000)  # as long as clicks wait; its five seconds are too few on a busy machine


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Opener]:
    """Opens an address; a page that asks anyone else for anything, or logs an error, fails its test."""
    contexts = []
    faults: list[str] = []

    def opened(address: str, viewport: ViewportSize = DESK, **options: Any) -> Page:
        context = browser.new_context(viewport=viewport, **options)
        contexts.append(context)
        page = context.new_page()
        origin = "/".join(address.split("/")[:3])
        page.on("request", lambda r: None if r.url.startswith(origin) else faults.append(f"asks {r.url}"))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda said: faults.append(said.text) if _is_fault(said.type, said.text) else None)
        page.goto(address)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert faults == []


def _is_fault(kind: str, text: str) -> bool:
    """Chromium logs the page's own 404 as an error."""
    return kind in ("error", "warning") and "the server responded with a status of 404" not in text
