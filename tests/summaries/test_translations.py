"""Abstracts in a reader's language: formulas come through whole, and what isn't a translation is refused."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from paperround.accounts.tables import Reader
from paperround.database import Database, ReadSession
from paperround.digests.items import DigestItemCache
from paperround.reads import answer
from paperround.summaries.checks import Refusal, find_translation_refusal
from paperround.summaries.client import TextServerClient
from paperround.summaries.held_formulas import has_all_formulas, hold_formulas, put_formulas_back
from paperround.summaries.selection import list_wanted
from paperround.summaries.translations import Translation, ask_translations
from paperround.summaries.writer import write_texts
from paperround.text.reading import read_latex

from support.factories import add_reader, feed_record, store_listing, utc
from support.pages import TODAY, opened
from support.people import sign_in_browser
from support.text_server import TextServer, running_text_server

SOURCE = (
    r"We bound $\\alpha_i$ by $x^2$ in 2 of 10 cases, and $\\alpha_i$ is free; see https://lab.example/x."
)
READING = read_latex(SOURCE.replace("\\\\", "\\"))
HELD = hold_formulas(READING)
GERMAN = "Wir beschränken ⟦1⟧ durch ⟦2⟧ in 2 von 10 Fällen, und ⟦3⟧ ist frei; siehe https://lab.example/x."


def test_formulas_are_held_back_and_come_back_where_their_marks_are() -> None:
    assert HELD == "We bound ⟦1⟧ by ⟦2⟧ in 2 of 10 cases, and ⟦3⟧ is free; see https://lab.example/x."

    back = put_formulas_back("Zuerst ⟦2⟧, dann ⟦1⟧ und ⟦3⟧.", READING)
    assert back.text == "Zuerst x², dann αᵢ und αᵢ."
    assert [back.text[f.start : f.end] for f in back.formulas] == ["x²", "αᵢ", "αᵢ"]
    assert [f.latex for f in back.formulas] == ["x^2", r"\alpha_i", r"\alpha_i"]


@given(st.text(max_size=200))
def test_a_text_that_comes_back_unchanged_reads_as_before(source: str) -> None:
    reading = read_latex(source)
    held = hold_formulas(reading)
    back = put_formulas_back(held, reading)

    assert has_all_formulas(held, held)
    assert back.text == reading.text.translate({ord("⟦"): "[", ord("⟧"): "]"}) or "⟦" in source
    assert len(back.formulas) == len(reading.formulas)


@given(st.text(alphabet="⟦⟧0123 a", max_size=60))
def test_whatever_marks_an_answer_has_it_can_be_read(answer: str) -> None:
    put_formulas_back(answer, READING)


def test_a_translation_is_taken() -> None:
    assert find_translation_refusal(GERMAN, held=HELD, language="de") is None
    chinese = "我们在 10 个案例中的 2 个里用 ⟦2⟧ 界定 ⟦1⟧，而 ⟦3⟧ 是自由的；见 https://lab.example/x."
    assert find_translation_refusal(chinese, held=HELD, language="zh") is None


@pytest.mark.parametrize(
    ("answer", "refusal"),
    [
        ("", Refusal.empty),
        (GERMAN.replace("⟦2⟧", "x²"), Refusal.formulas),
        (GERMAN.replace("⟦3⟧", "⟦1⟧"), Refusal.formulas),
        (GERMAN + " ⟦4⟧", Refusal.formulas),
        (GERMAN + " ⟦x⟧", Refusal.formulas),
        (GERMAN.replace("10", "11"), Refusal.numbers),
        (GERMAN.replace("lab.example", "evil.example"), Refusal.link),
        (GERMAN + " <b>Kauf</b>", Refusal.markup),
        (GERMAN + " [hier](x)", Refusal.markup),
        (GERMAN + "\u202e", Refusal.hidden),
        (GERMAN + " und noch mehr" * 60, Refusal.length),
        ("Wir ⟦1⟧.", Refusal.length),
        (HELD, Refusal.language),
        ("As an AI language model, I cannot translate ⟦1⟧, ⟦2⟧ and ⟦3⟧ for the reader.", Refusal.prompt),
    ],
)
def test_what_is_no_translation_is_refused_with_the_reason(answer: str, refusal: Refusal) -> None:
    assert find_translation_refusal(answer, held=HELD, language="de") is refusal


GERMAN_SUMMARY = "Die Autoren warten auf Gradienten und zeigen, wie sie kommen."
GERMAN_ABSTRACT = "Wir warten auf ⟦1⟧ und die Gradienten kommen mit ⟦2⟧."


def write_german(title: str, abstract: str) -> str:
    return GERMAN_SUMMARY if title else GERMAN_ABSTRACT


async def translate(database: Database, texts: TextServer) -> Mapping[str, Translation]:
    settings = texts.settings(summary_languages="en,de,zh")
    async with TextServerClient(settings, database) as server:
        async with database.read_session() as session:
            wanted = await list_wanted(session, settings)
        for one in wanted:
            await write_texts(database, server, one, daily_limit=100)
    async with database.read_session() as session:
        return await load_translations(session)


async def load_translations(session: ReadSession) -> Mapping[str, Translation]:
    return await answer(session, partial(ask_translations, language="de", paper_ids=["2603.00001"]))


async def test_papers_are_translated_into_the_languages_that_readers_chose(database: Database) -> None:
    abstract = r"We wait for $x^2$ and gradients come with $\alpha_i$."
    record = feed_record(
        "2603.00001", paper__summary=abstract, summary=abstract, paper__ai_summary="They wait for gradients."
    )
    await store_listing(database, "2026-03-02", record)
    with running_text_server(TextServer(write=write_german)) as texts:
        assert await translate(database, texts) == {}
        assert not texts.requests

        reader = await add_reader(database, "ada@example.org")
        async with database.write_session() as session:
            await session.execute(update(Reader).where(Reader.id == reader.id).values(language="de"))
        expected = Translation("de", "small-one", GERMAN_SUMMARY, GERMAN_ABSTRACT)
        assert await translate(database, texts) == {"2603.00001": expected}
        assert await translate(database, texts) == {"2603.00001": expected}
        assert len(texts.requests) == 2

        other = abstract.replace("gradients", "rivers")
        await store_listing(
            database, "2026-03-02",
            feed_record("2603.00001", paper__summary=other, summary=other, paper__ai_summary="They wait."),
        )  # fmt: skip
        async with database.read_session() as session:
            assert await load_translations(session) == {}


async def test_a_reader_sees_their_language_and_the_original_one_press_away(
    database: Database, database_url: str
) -> None:
    abstract = r"We wait for $x^2$ and gradients come with $\alpha_i$."
    await store_listing(
        database, "2026-03-02", feed_record("2603.00001", paper__summary=abstract, summary=abstract)
    )
    with running_text_server(TextServer(write=write_german)) as texts:
        async with opened(
            database_url, summary_url=texts.url, summary_model="small-one", summary_languages="en,de,zh"
        ) as reader:
            ada = await sign_in_browser(reader, database, now=utc(TODAY))
            settings = (await reader.get("/settings")).text
            assert 'lang="zh">简体中文' in settings
            form = ada.form(name="Ada", time_zone="UTC", language="de")
            await reader.post("/settings/profile", data=form)
            await translate(database, texts)
            edition = (await reader.get("/papers/date/2026-03-02")).text
            page = (await reader.get("/papers/2603.00001")).text
            await reader.post("/settings/profile", data={**form, "language": "xx"})
            assert GERMAN_SUMMARY not in (await reader.get("/papers/date/2026-03-02")).text

    assert f'<span lang="de">{GERMAN_SUMMARY}</span>' in edition
    assert f'<p class="prose" lang="de" dir="auto">{GERMAN_SUMMARY}</p>' in page
    translated = page[page.index("Wir warten auf") : page.index("Translated by a model (small-one)")]
    assert translated.count("<math") == 2
    assert "⟦" not in page
    assert "We wait for" in page[page.index("<summary>Original</summary>") :]


async def test_a_digest_has_summaries_in_its_readers_language(database: Database) -> None:
    await store_listing(database, "2026-03-02", feed_record("2603.00001"), feed_record("2603.00002"))
    reader = await add_reader(database, "ada@example.org")
    async with database.write_session() as session:
        await session.execute(update(Reader).where(Reader.id == reader.id).values(language="de"))
    german = GERMAN_SUMMARY
    with running_text_server(
        TextServer(write=lambda title, abstract: german if "00001" in title else "")
    ) as texts:
        await translate(database, texts)
    cache, ids = DigestItemCache(), ["2603.00001", "2603.00002"]
    async with database.read_session() as session:
        for _ in range(2):
            translated = await cache.get(session, ids, "de")
            original = await cache.get(session, ids)

    first, second = translated.values()
    assert (first.summary, first.summary_label, first.language) == (GERMAN_SUMMARY, "AI summary", "de")
    assert second is original["2603.00002"]
    assert original["2603.00001"].language == ""
