"""A real Chromium, and a site with papers such as nobody hopes for."""

from __future__ import annotations

import asyncio
import math
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright
from sqlalchemy import select

from conftest import new_database, running_site
from paperround.database import Database
from paperround.embeddings.tables import Embedding, EmbeddingModel, ModelState
from paperround.papers.tables import Paper
from paperround.settings import Settings

from support.factories import at, item, listed

QUIET = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]
CHROMIUMS = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"]  # the quickest first
NEIGHBOUR = "papers.test"  # this machine as if it were another: http from there isn't trusted by a browser
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 900}

LONG_WORD = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 3
ABSTRACT = (
    "We wait for gradients, one after the other, and they come when $O(n \\log n)$ steps are done. " * 9
)
FORMULA = "$$\\sum_{i=1}^{n} " + " ".join(f"\\alpha_{{{i}}}\\beta_{{{i}}}" for i in range(40)) + "$$"


def authors(*names: str) -> list[dict[str, Any]]:
    return [{"name": name, "hidden": False} for name in names]


def odd(paper_id: str, title: str, summary: str = ABSTRACT, **changes: Any) -> dict[str, Any]:
    texts = {"title": title, "summary": summary, "paper__title": title, "paper__summary": summary}
    return item(paper_id, **{**texts, **changes})


ODD = [
    odd(
        "2603.00101",
        title="A Title That Goes On and On and " * 12 + "Stops",
        summary=ABSTRACT,
        paper__authors=authors(*(f"Author Numbered {number}" for number in range(664))),
        paper__upvotes=12_345,
        organization={"name": "long", "fullname": "The Institute for the Study of Very Long Names of " * 3},
        paper__githubRepo="https://github.com/paperround-sample/patience",
        paper__githubStars=123_456,
        paper__projectPage="https://example.org/patience",
    ),
    odd("2603.00102", title=LONG_WORD, summary=LONG_WORD * 5, paper__upvotes=90),
    odd(
        "2603.00103",
        title="שיטה סבלנית לגרדיאנטים ארוכים",
        summary="תקציר קצר, עם mixed words וסיום. " * 8,
        paper__authors=authors("מרים לוי", "王小明", "أحمد بن علي", "Ada Lindqvist"),
        paper__upvotes=50,
    ),
    odd(
        "2603.00104",
        title="On the $O(n \\log n)$ Barrier",
        summary=f"{ABSTRACT}\n\nThen {FORMULA} holds.\n\nHere the third paragraph ends.",
        paper__ai_summary="Patience pays.",
        paper__ai_keywords=["patience", "gradients"],
        paper__upvotes=40,
    ),
    odd("2603.00105", "No Abstract", summary="", paper__authors=[], paper__upvotes=0),
]


@pytest.fixture(scope="session")
def odd_site(server: str) -> Iterator[str]:
    """A site with long, right-to-left, empty and mathematical papers; one's votes were seen to grow."""
    with new_database(server) as url:
        asyncio.run(_fill(url))
        with running_site(Settings(_env_file=None, site_byline="by Ada and the others"), url) as address:
            yield address


async def _fill(url: str) -> None:
    database = Database(url)
    for hour, votes in enumerate((1, 3, 9, 22, 40)):
        seen = item("2603.00104", paper__upvotes=votes)
        await listed(database, "2026-03-03", seen, seen_at=at(f"2026-03-03 0{hour}:00"))
    await listed(database, "2026-03-04", *ODD)
    await _embed(database)
    await database.close()


async def _embed(database: Database) -> None:
    """Vectors, so that every paper has papers like it: the higher its number, the further round."""
    async with database.writing() as session:
        model = EmbeddingModel(name="m", dimensions=2, state=ModelState.current, created_at=at("2026-03-04"))
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
                    embedded_at=at("2026-03-04"),
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


Opener = Callable[..., Page]
expect.set_options(timeout=30_000)  # as long as clicks wait; its five seconds are too few on a busy machine


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Opener]:
    """Opens an address; a page that asks anyone else for anything, or logs an error, fails its test."""
    contexts = []
    faults: list[str] = []

    def opened(address: str, viewport: dict[str, int] = DESK, **options: Any) -> Page:
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


def click_through(link: Locator) -> None:
    """Click what leads to another document, and wait until that has loaded and its scripts have run.

    A click returns as soon as the first bytes have come: what is read at once may be missing, or half a list.
    """
    with link.page.expect_event("load"):
        link.click()
