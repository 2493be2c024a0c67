"""A title in LaTeX shows the same text wherever it is shown, and is found by what it says."""

from __future__ import annotations

import re

import httpx
import pytest

from paperround.database import Database
from paperround.digests.items import build_item
from paperround.papers.editions import load_papers
from paperround.web.views.paper_cards import build_paper_cards

from support.factories import feed_record, store_listing, utc
from support.pages import TODAY, Page

PAPER = "2603.00001"
TITLE = r"Schr\"odinger Bridges, Erd\H{o}s--R\'enyi Priors and $\beta$-Nets for \$5"
SHOWN = "Schrödinger Bridges, Erdős–Rényi Priors and β-Nets for $5"
ABSTRACT = r"We thank Czerwi\'nski, {\L}o\'s and M\o ller~\cite{a}; it costs $5 ($n$ = 3)."
SHOWN_ABSTRACT = "We thank Czerwiński, Łoś and Møller; it costs $5 (n = 3)."


@pytest.fixture
async def stored(database: Database) -> None:
    record = feed_record(PAPER, title=TITLE, paper__title=TITLE, paper__summary=ABSTRACT, summary=ABSTRACT)
    await store_listing(database, "2026-03-09", record)


@pytest.mark.usefixtures("stored")
async def test_every_address_shows_the_letters(pages: httpx.AsyncClient) -> None:
    for address in (f"/papers/{PAPER}", "/papers", "/papers?q=Schrödinger", "/papers?q=erdos+renyi"):
        page = Page(await pages.get(address))
        assert {"Schrödinger", "Erdős", "Rényi"} <= set(re.findall(r"\w+", page.text)), address
        assert r"\"o" not in page.text, address
    one = (await pages.get(f"/papers/{PAPER}")).text
    title = re.search("<title>(.*?)</title>", one, re.DOTALL)
    assert title
    assert SHOWN in title[1]
    assert f'og:title" content="{SHOWN}"' in one
    assert f'og:description" content="{SHOWN_ABSTRACT}"' in one
    assert "<mi>β</mi>" in one

    for address in ("/feeds/daily.atom", "/feeds/daily.json", f"/papers/{PAPER}.ris"):
        answer = (await pages.get(address)).text
        assert SHOWN in answer, address
        assert SHOWN_ABSTRACT in answer, address
    markdown = (await pages.get(f"/papers/{PAPER}.md")).text
    assert SHOWN in markdown
    assert (
        r"Schrödinger Bridges, {Erdős}–{Rényi} Priors and $\beta$-Nets for \$5"
        in (await pages.get(f"/papers/{PAPER}.bib")).text
    )

    api = (await pages.get(f"/api/v1/papers/{PAPER}")).json()
    assert (api["title"], api["title_text"]) == (TITLE, SHOWN)
    assert api["abstract_text"] == SHOWN_ABSTRACT


@pytest.mark.usefixtures("stored")
async def test_letters_and_cards_take_what_was_stored(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object) -> None:
        raise AssertionError("LaTeX was read again")

    monkeypatch.setattr("paperround.papers.readings.read_latex", fail)
    async with database.read_session() as session:
        paper = (await load_papers(session, [PAPER]))[PAPER]
        item = build_item(paper)
        [card] = build_paper_cards([paper], today=utc(TODAY).date())
    assert (item.title, item.summary) == (SHOWN, SHOWN_ABSTRACT)
    assert "<mi>β</mi>" in card.title
