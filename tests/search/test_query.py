"""Searching a real database: words, names, phrases, filters, and vectors beside them."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select, text

from paperround import schema
from paperround.database import Database
from paperround.embeddings.tables import Embedding, EmbeddingModel, ModelState
from paperround.papers.tables import Paper
from paperround.search import full_text, word_counts
from paperround.search.engine import SearchResults, look_up_text, search
from paperround.search.filters import SearchFilters
from paperround.search.query_syntax import parse_query
from paperround.search.query_vectors import QueryVector

from support.factories import feed_record, store_listing, utc

RIVERS, LAKES, SEAS = "2603.00001", "2603.00002", "2603.00003"


def paper(paper_id: Any, title: Any, abstract: Any, *authors: Any, **more: Any) -> Any:
    named = [{"_id": f"a{n}", "name": name, "hidden": False} for n, name in enumerate(authors)]
    return feed_record(
        paper_id, title=title, paper__title=title, summary=abstract, paper__summary=abstract,
        paper__authors=named, **more,
    )  # fmt: skip


@pytest.fixture
async def library(database: Database) -> Database:
    await store_listing(
        database,
        "2026-03-02",
        paper(
            RIVERS, "Slow Rivers", "We model how water bends.", "Ada Müller", "Will Power", paper__upvotes=9
        ),
        paper(LAKES, "Still Lakes", "Rivers end here, slowly. Their models bend.", "Benedikt Åström"),
    )
    await store_listing(
        database,
        "2026-03-05",
        paper(SEAS, "Deep Seas", "Salt, GPT-4 and vision-language models.", "Cyn Ray",
              paper__githubRepo="https://github.com/cyn/seas"),
    )  # fmt: skip
    return database


async def ask(
    database: Database, words: str, vector: QueryVector | None = None, **filters: Any
) -> SearchResults:
    async with database.read_session() as session:
        return await search(session, parse_query(words), vector, filters=SearchFilters(**filters))


async def ids(database: Database, words: str, **filters: Any) -> list[str]:
    return [match.paper_id for match in (await ask(database, words, **filters)).results]


async def test_titles_go_before_abstracts_and_word_forms_count_as_one(library: Database) -> None:
    assert await ids(library, "river") == [RIVERS, LAKES]
    assert await ids(library, "modelling") != []


async def test_authors_are_found_by_name_with_or_without_accents(
    subtests: pytest.Subtests,
    library: Database,
) -> None:
    cases: list[str] = ["muller", "Müller", "ada mÜLLER", "Will Power"]
    for name in cases:
        with subtests.test(name=name):
            assert await ids(library, name) == [RIVERS]


async def test_a_hidden_author_is_not_found(database: Database) -> None:
    hidden = feed_record(paper__authors=[{"_id": "a", "name": "Verborgen Zorro", "hidden": True}])
    await store_listing(database, "2026-03-02", hidden)
    assert await ids(database, "zorro") == []


async def test_hyphens_do_not_matter(library: Database) -> None:
    for words in ("gpt-4", "GPT 4", "vision language", "vision-language"):
        assert (await ids(library, words))[:1] == [SEAS], words


async def test_a_phrase_must_stand_together_and_an_exclusion_holds(library: Database) -> None:
    assert await ids(library, '"slow rivers"') == [RIVERS]
    assert await ids(library, "rivers -lakes") == [RIVERS]
    assert await ids(library, "rivers -lake") == [RIVERS]
    assert set(await ids(library, "lakes or salt")) == {LAKES, SEAS}


async def test_only_exclusions_nothing_or_signs_find_nothing(library: Database) -> None:
    for words in ("-rivers", "", "   ", "!!! ???", '""', "-"):
        assert await ask(library, words) == SearchResults(), words


async def test_the_total_counts_papers_with_all_words_others_follow(library: Database) -> None:
    found = await ask(library, "rivers bend salt")
    assert found.total == 0
    assert {match.paper_id for match in found.results} == {RIVERS, LAKES}, "two of three words, not one"
    assert (await ask(library, "rivers")).total == 2


async def test_a_match_says_which_words_ranked_it(library: Database) -> None:
    [match] = (await ask(library, "Salt and RIVERLESS seas")).results
    assert set(match.reasons) == {"salt", "seas"}


async def test_another_form_of_a_word_is_a_reason_but_counts_less_than_the_word(library: Database) -> None:
    first, second = (await ask(library, "model")).results[:2]
    assert (first.paper_id, first.reasons) == (RIVERS, ("model",))
    assert second.reasons == ("model",)  # it says models
    assert second.score < first.score


async def test_a_word_in_an_authors_name_is_a_reason(library: Database) -> None:
    found = await ask(library, "Müller salt")
    assert {match.paper_id: match.reasons for match in found.results} == {
        RIVERS: ("Müller",),
        SEAS: ("salt",),
    }


async def test_of_words_asked_for_with_or_only_those_that_a_paper_has_are_reasons(library: Database) -> None:
    found = await ask(library, "lakes or salt")
    assert {match.paper_id: match.reasons for match in found.results} == {
        LAKES: ("lakes",),
        SEAS: ("salt",),
    }


async def test_filters_narrow(library: Database) -> None:
    words = "models"
    assert set(await ids(library, words)) == {RIVERS, LAKES, SEAS}
    assert await ids(library, words, has_code=True) == [SEAS]
    assert await ids(library, words, min_upvotes=8) == [RIVERS]
    assert await ids(library, words, first_day=date(2026, 3, 3)) == [SEAS]
    assert set(await ids(library, words, last_day=date(2026, 3, 2))) == {RIVERS, LAKES}
    assert await ids(library, words, feed="arxiv") == []
    assert await ids(library, words, organization="nobody") == []


async def test_no_sign_reaches_the_database_as_syntax(
    subtests: pytest.Subtests,
    library: Database,
) -> None:
    cases: list[str] = ["'", "a:*", "\\", "(", "<->", "x & !y", "%s", ":q", "and the of", "'; --", "日本"]
    for words in cases:
        with subtests.test(words=words):
            assert isinstance(await ask(library, words), SearchResults)


async def test_words_follow_the_text_and_the_names(library: Database) -> None:
    changed = paper(RIVERS, "Fast Brooks", "Now otherwise.", "Dora Neu")
    await store_listing(library, "2026-03-02", changed, seen_at=utc("2026-03-02 15:00"))
    assert await ids(library, "slow") == []
    assert await ids(library, "brooks") == [RIVERS]
    assert await ids(library, "neu") == [RIVERS]
    assert await ids(library, "muller") == []


async def test_common_words_rank_below_rare_ones_once_counted(library: Database) -> None:
    assert await word_counts.refresh_word_counts(library)
    assert not await word_counts.refresh_word_counts(library)
    assert (await ids(library, "models salt"))[0] == SEAS


async def test_papers_of_an_older_program_are_made_searchable(library: Database) -> None:
    async with library.write_session() as session:
        await session.execute(text("UPDATE papers SET search = NULL, search_version = 0"))
    assert await ids(library, "rivers") == []
    await word_counts.refresh_word_counts(library)
    assert await ids(library, "rivers") == [RIVERS, LAKES]


async def test_the_migration_fills_what_is_there_as_storing_does(
    library: Database, database_url: str
) -> None:
    async def columns(database: Database) -> Any:
        async with database.read_session() as session:
            return (await session.execute(select(Paper.id, text("search::text")).order_by(Paper.id))).all()

    before = await columns(library)
    await library.close()
    await asyncio.to_thread(schema.downgrade, database_url, "4b7e1c90d2aa")
    await asyncio.to_thread(schema.upgrade, database_url)
    assert await ids(library, "rivers") == [RIVERS, LAKES], "at once, as it was then"
    await word_counts.refresh_word_counts(library)
    assert await columns(library) == before


# Vectors


async def embedded(database: Database, vectors: dict[str, list[float]]) -> None:
    async with database.write_session() as session:
        model = EmbeddingModel(
            name="all-MiniLM-L6-v2",
            dimensions=2,
            state=ModelState.current,
            created_at=utc("2026-03-02 12:00"),
        )
        session.add(model)
        await session.flush()
        for key, vector in vectors.items():
            session.add(
                Embedding(model_id=model.id, paper_id=key, text_hash="x", vector=np.array(vector, np.float32),
                          embedded_at=utc("2026-03-02 12:00"))
            )  # fmt: skip


def asked(x: float, y: float, model: str = "all-MiniLM-L6-v2") -> QueryVector:
    return QueryVector(model, np.array([x, y], np.float32))


async def test_what_is_near_in_meaning_is_found_without_a_shared_word(library: Database) -> None:
    await embedded(library, {RIVERS: [1, 0], LAKES: [0.8, 0.6], SEAS: [0.4, 0.9]})
    found = await ask(library, "streams", asked(1, 0))
    assert [match.paper_id for match in found.results] == [RIVERS, LAKES], "the seas are too far"
    assert [round(match.similarity, 1) for match in found.results] == [1.0, 0.8]
    assert [match.kind for match in found.results] == ["meaning", "meaning"]
    assert all(0.5 <= match.relevance <= 1 for match in found.results)
    assert (found.used_vectors, found.total) == (True, 0)


async def test_results_end_where_papers_are_not_likely_relevant(library: Database) -> None:
    await embedded(library, {RIVERS: [1, 0], LAKES: [0.8, 0.6], SEAS: [0.3, 0.95]})
    far = asked(-0.5, -0.8)
    for words in ("florble wugs", "best recipe for sourdough bread", "川と湖", "flights to the salt desert"):
        assert not (await ask(library, words, far)).results, words
    [literal] = (await ask(library, "salt", far)).results
    assert (literal.paper_id, literal.kind) == (SEAS, "words"), "the letter counts however far it is"


async def test_a_result_says_how_it_matches(library: Database) -> None:
    await embedded(library, {RIVERS: [1, 0], LAKES: [0.8, 0.6]})
    found = await ask(library, "slow rivers", asked(1, 0))
    assert {match.paper_id: match.kind for match in found.results} == {RIVERS: "words", LAKES: "meaning"}
    found = await ask(library, "fast rivers", asked(1, 0))
    assert {match.paper_id: match.kind for match in found.results} == {RIVERS: "meaning", LAKES: "meaning"}
    found = await ask(library, "deep salt water seas", asked(1, 0))
    assert {match.paper_id: match.kind for match in found.results}[SEAS] == "some words"
    found = await ask(library, "Cyn Ray", asked(1, 0))
    assert [(match.paper_id, match.kind) for match in found.results] == [(SEAS, "author")]


async def test_a_paper_that_vectors_bring_has_the_words_if_its_text_does(
    library: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The index brings a bounded number of papers, and many have the words of a short question."""
    await embedded(library, {RIVERS: [1, 0], LAKES: [0.8, 0.6], SEAS: [0.3, 0.95]})
    for name in ("MAX_SHORT_QUERY_MATCHES", "MAX_TEXT_MATCHES"):
        monkeypatch.setattr(full_text, name, 1)
    for words in ("rivers", '"rivers"'):
        found = await ask(library, words, asked(1, 0))
        assert {match.paper_id: match.kind for match in found.results} == {RIVERS: "words", LAKES: "words"}


async def test_exclusions_phrases_and_filters_bind_vectors_too(library: Database) -> None:
    await embedded(library, {RIVERS: [1, 0], LAKES: [0.8, 0.6], SEAS: [0.6, 0.8]})
    for words, filters, left in (
        ("streams -water", {}, [LAKES, SEAS]),
        ('"still lakes"', {}, [LAKES]),
        ("streams", {"has_code": True}, [SEAS]),
    ):
        found = await ask(library, words, asked(1, 0), **filters)
        assert [match.paper_id for match in found.results] == left, words


async def test_a_paper_without_a_vector_is_still_found_by_its_words(library: Database) -> None:
    await embedded(library, {LAKES: [0.8, 0.6]})
    found = await ask(library, "slow rivers", asked(1, 0))
    assert {match.paper_id: match.similarity is None for match in found.results}[RIVERS]


async def test_a_whole_title_goes_first_though_others_are_nearer_in_meaning(library: Database) -> None:
    await embedded(library, {RIVERS: [1, 0], LAKES: [0.9, 0.1], SEAS: [0, 1]})
    assert (await ask(library, "deep seas", asked(1, 0))).results[0].paper_id == SEAS


async def test_a_vector_of_another_model_is_not_used(library: Database) -> None:
    await embedded(library, {RIVERS: [1, 0], LAKES: [0, 1], SEAS: [0, 1]})
    found = await ask(library, "lakes", asked(1, 0, model="other"))
    assert (found.used_vectors, [match.paper_id for match in found.results]) == (False, [LAKES])


# Looked up beforehand


@pytest.mark.parametrize(
    ("words", "filters"),
    [
        ("rivers bend", {}),
        ("streams", {}),
        ("slow rivers -lakes", {}),
        ('"deep seas" models', {"has_code": True}),
        ("lakes or salt", {"min_upvotes": 1}),
        ("the", {}),
    ],
)
async def test_a_search_finds_the_same_whether_its_words_were_looked_up_before(
    library: Database, words: str, filters: dict[str, Any]
) -> None:
    await embedded(library, {RIVERS: [1, 0], LAKES: [0.8, 0.6], SEAS: [0, 1]})
    async with library.read_session() as session:
        before = await look_up_text(session, parse_query(words), filters=SearchFilters(**filters))
    async with library.read_session() as session:
        found = await search(
            session, parse_query(words), asked(1, 0), filters=SearchFilters(**filters), text_lookup=before
        )
    assert found == await ask(library, words, asked(1, 0), **filters)


async def test_a_paper_removed_after_the_looking_up_is_not_found(library: Database) -> None:
    async with library.read_session() as session:
        before = await look_up_text(session, parse_query("rivers"))
    async with library.write_session() as session:
        await session.execute(text("DELETE FROM papers WHERE id = :id"), {"id": RIVERS})
    async with library.read_session() as session:
        found = await search(session, parse_query("rivers"), None, text_lookup=before)
    assert [match.paper_id for match in found.results] == [LAKES]
