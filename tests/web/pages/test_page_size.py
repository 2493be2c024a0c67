"""Pages stay small and quick whatever the abstracts hold."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from paperround.accounts.tables import Reader
from paperround.database import Database, WriteSession
from paperround.library import reading_list
from paperround.papers.tables import Paper
from paperround.text import mathml, reading
from paperround.text.latex_pieces import Formula
from paperround.topics import reader_topics
from paperround.topics.drafts import TopicDraft
from paperround.topics.model.match import ReasonKind
from paperround.topics.tables import TopicDay

from support.factories import feed_record, store_listing, utc
from support.pages import TODAY, Page
from support.people import Person

MAX_PAGE = 100_000  # bytes
TEXTS = {
    "formulas": " ".join(rf"$\mathbf{{W}}_{{{n}}}^{{\prime}} x''''$" for n in range(620)),
    "failing formulas": " ".join(rf"$\foo\left( x_{{{n}}}$" for n in range(620)),
    "long formulas": "$" + "x'" * 900 + "$ " + "$" + "y+" * 900 + "$",
    "letters of three bytes": "論文" * 4_000,
    "characters that are escaped": "<\"'&>" * 3_000,
    "words that are searched for": "gradients a " * 1_500,
    "paragraphs": "a gradients\n\n" * 1_500,
    "one word": "x" * 19_000,
}


def hostile_record(number: int, text: str) -> dict[str, Any]:
    title = f"Gradients {number} {text}"[:480]
    return feed_record(
        f"2603.{number:05}",
        title=title,
        paper__title=title,
        paper__summary=text[:19_900],
        summary=text[:19_900],
        paper__ai_summary=text[:19_900],
        paper__ai_keywords=[text[:290]] * 100,
    )


async def follow_everything(session: WriteSession, reader_id: int) -> None:
    """Give a reader topics with long names, each of which every paper fits for several reasons."""
    reasons = [(ReasonKind.phrase, "<&>" * 30, 1.0)] * 3
    for _ in range(3):
        draft = TopicDraft(name="題<" * 50, words="gradients")
        topic = await reader_topics.create_topic(session, reader_id, draft, now=utc(TODAY))
        session.add(
            TopicDay(
                topic_id=topic.id, day=date(2026, 3, 9), measured_id=1, changed_at=utc(TODAY),
                papers_hash="", fits_hash="", fits=[0.9] * 40,
                matches=[(f"2603.{number:05}", 1.0, 90, reasons) for number in range(1, 41)],
            )
        )  # fmt: skip


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The LaTeX of formulas that were rendered."""
    found: list[str] = []
    original = mathml.render_formula

    def render(source: str, block: bool) -> Formula | None:
        found.append(source)
        return original(source, block)

    monkeypatch.setattr(mathml, "render_formula", render)
    return found


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
async def test_no_page_is_large_and_none_renders_many_formulas(
    browser: httpx.AsyncClient, ada: Person, database: Database, rendered: list[str], text: str
) -> None:
    await store_listing(database, "2026-03-09", *(hostile_record(n, text) for n in range(1, 41)))
    async with database.write_session() as session:
        await session.execute(update(Paper).values(thumbnail="f" * 16))
        reader = await session.get_one(Reader, ada.id)
        for number in range(1, 41):
            await reading_list.save_paper(session, reader.id, f"2603.{number:05}", now=utc(TODAY))
        await follow_everything(session, ada.id)
    places = ["/papers", "/papers/trending", "/papers/2603.00001", "/papers?q=gradients", "/saved"]
    for signed_in in (True, False):
        for place in places[: 5 if signed_in else 4]:
            rendered.clear()
            answer = await browser.get(place)
            assert answer.status_code == 200
            assert len(answer.content) < MAX_PAGE, place
            assert ("fits" in answer.text) is (signed_in and place not in ("/papers/2603.00001", "/saved"))
            assert sum(map(len, rendered)) + reading.FORMULA_COST * len(rendered) <= (
                2 * reading.MAX_FORMULAS_ON_PAGE
            ), place
        browser.cookies.clear()
    for place in ("/feeds/daily.atom", "/feeds/trending.json"):
        rendered.clear()
        assert (await browser.get(place)).status_code == 200
        assert sum(map(len, rendered)) <= reading.MAX_FORMULAS_ON_PAGE, place


async def test_a_cut_abstract_leads_to_the_whole_one(browser: httpx.AsyncClient, database: Database) -> None:
    long, short = "many words " * 1_500, "few words"
    await store_listing(
        database,
        "2026-03-09",
        *(feed_record(f"2603.{n:05}", paper__summary=long, summary=long) for n in range(1, 30)),
        feed_record("2603.00030", paper__summary=short, summary=short),
    )
    listed, one = Page(await browser.get("/papers")), Page(await browser.get("/papers/2603.00001"))

    assert listed.text.count("Read on") == 29
    assert len(re.findall("many…|words…", listed.text)) == 29
    assert "few words" in listed.text
    assert "Read on" not in one.text
    assert one.text.count("many words") >= 1_500


async def test_a_formula_past_the_budget_shows_as_it_was_written(
    browser: httpx.AsyncClient, database: Database
) -> None:
    text = " ".join(f"$a_{{{n}}}$" for n in range(200))
    await store_listing(database, "2026-03-09", feed_record("2603.00001", paper__summary=text, summary=text))
    answer = await browser.get("/papers/2603.00001")

    assert 30 < answer.text.count("<math") < 120
    assert "$a_{199}$" in answer.text
