"""Matching a topic with some days' papers, with statistics, without them, with and without vectors."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from sqlalchemy import func, select, update

from paperround.database import Database
from paperround.embeddings.tables import EmbeddingModel
from paperround.search.query_vectors import QueryVector
from paperround.topics import corpus
from paperround.topics.matcher import match_papers
from paperround.topics.model.bands import Band, find_band
from paperround.topics.model.match import Match, ReasonKind, TopicQuery
from paperround.topics.tables import MeasuredCatalogue

from support.factories import store_listing, utc
from support.topic_corpus import (
    MODEL,
    add_measured_subjects,
    add_three_subjects,
    add_vectors,
    paper_id,
    subject_record,
    subject_vector,
)

DAY = date(2026, 3, 2)
NOW = utc("2026-03-02 14:00")


async def ask(database: Database, wanted: TopicQuery, *, vector: bool = False, **changes: Any) -> list[Match]:
    given = QueryVector(MODEL, subject_vector(wanted.words)) if vector else None
    asked: dict[str, Any] = {
        "text_vector": given,
        "first": DAY,
        "last": DAY,
        "limit": 50,
        "daily": 10,
    } | changes
    async with database.read_session() as session:
        return list(await match_papers(session, wanted, **asked))


def subjects(found: list[Match]) -> set[int]:
    return {int(match.paper_id[-5:]) % 3 for match in found}


@pytest.fixture
async def measured(database: Database) -> Database:
    await add_measured_subjects(database, now=NOW)
    return database


@pytest.fixture
async def with_vectors(database: Database) -> Database:
    await add_three_subjects(database)
    await add_vectors(database)
    await corpus.measure_if_grown(database, now=NOW)
    return database


async def test_words_alone_find_their_subject_and_say_by_which_phrase(measured: Database) -> None:
    found = await ask(measured, TopicQuery(words="honey bees"))
    assert found
    assert subjects(found) == {1}
    assert found[0].reasons[0].kind is ReasonKind.phrase
    assert found[0].reasons[0].text == "honey bees"
    assert [match.score for match in found] == sorted((match.score for match in found), reverse=True)


async def test_a_new_catalogue_without_statistics_matches_too(database: Database) -> None:
    await add_three_subjects(database, count=12)
    async with database.read_session() as session:
        assert not await session.scalar(select(func.count()).select_from(MeasuredCatalogue))
    assert subjects(await ask(database, TopicQuery(words="pendulum clocks"))) == {2}


async def test_an_empty_catalogue_matches_nothing(database: Database) -> None:
    assert await ask(database, TopicQuery(words="honey bees", examples=("2603.00001",))) == []


async def test_examples_find_papers_like_them_and_are_the_reason(with_vectors: Database) -> None:
    found = await ask(with_vectors, TopicQuery(examples=(paper_id(3), paper_id(6))))
    assert subjects(found) == {0}
    others = [match for match in found if match.paper_id not in {paper_id(3), paper_id(6)}]
    assert others
    for match in others:
        [near] = [reason for reason in match.reasons if reason.kind is ReasonKind.paper]
        assert near.text in {paper_id(3), paper_id(6)}
        assert near.weight > 0


async def test_meaning_finds_what_words_do_not_say(with_vectors: Database) -> None:
    vector = QueryVector(MODEL, subject_vector("honey bees"))
    assert subjects(await ask(with_vectors, TopicQuery(words="buzzing"), text_vector=vector)) == {1}
    assert await ask(with_vectors, TopicQuery(words="buzzing")) == []


async def test_a_vector_of_another_model_counts_for_nothing(with_vectors: Database) -> None:
    stranger = QueryVector("another", subject_vector("honey bees"))
    assert await ask(with_vectors, TopicQuery(words="buzzing"), text_vector=stranger) == []


async def test_a_paper_rated_less_never_comes_back(measured: Database) -> None:
    everything = await ask(measured, TopicQuery(words="honey bees"))
    less = everything[0].paper_id
    again = await ask(measured, TopicQuery(words="honey bees", disliked=(less,)))
    assert less not in {match.paper_id for match in again}


async def test_a_paper_rated_less_stays_away_even_by_a_followed_author(database: Database) -> None:
    await store_listing(
        database,
        "2026-03-02",
        subject_record(1, "bees", "Ada Müller"),
        subject_record(4, "bees", "Ada Müller"),
    )
    wanted = TopicQuery(authors=("ada muller",), disliked=(paper_id(1),))
    assert [match.paper_id for match in await ask(database, wanted)] == [paper_id(4)]


async def test_rules_of_words_hold_for_whole_words_in_any_case(measured: Database) -> None:
    plain = await ask(measured, TopicQuery(words="bees"), daily=50)
    must = await ask(measured, TopicQuery(words="bees", must=("Queen-Rearing",)), daily=50)
    assert must
    assert len(must) < len(plain)
    assert await ask(measured, TopicQuery(words="honey bees", must=("wagg",))) == []
    without = await ask(measured, TopicQuery(words="bees", must_not=("queen rearing",)), daily=50)
    assert without
    assert {match.paper_id for match in without}.isdisjoint(match.paper_id for match in must)


async def test_a_followed_author_needs_no_words_and_adds_nothing_to_the_score(measured: Database) -> None:
    await store_listing(measured, "2026-03-02", subject_record(70, "bees", "Ada Müller"))
    alone = await ask(measured, TopicQuery(authors=("ADA MULLER",)))
    assert [(match.paper_id, match.score) for match in alone] == [(paper_id(70), 0.0)]
    assert alone[0].reasons == ((ReasonKind.author, "ADA MULLER", 0.0),)
    wanted = TopicQuery(words="honey bees", authors=("Ada Müller",), must=("nothing has this",))
    [only] = await ask(measured, wanted)
    by_text = await ask(measured, TopicQuery(words="honey bees"))
    assert only.score == {match.paper_id: match.score for match in by_text}[paper_id(70)]


async def test_daily_is_how_many_a_day_are_enough_and_poor_matches_do_not_fill_it(measured: Database) -> None:
    assert len(await ask(measured, TopicQuery(words="honey bees"), daily=2)) == 2
    many = await ask(measured, TopicQuery(words="honey bees"), daily=50)
    assert subjects(many) == {1}
    assert len(many) <= 20  # so many are about bees


async def test_each_day_of_a_span_has_its_own_daily(measured: Database) -> None:
    await store_listing(measured, "2026-03-03", *(subject_record(n, "bees") for n in range(100, 130, 5)))
    found = await ask(measured, TopicQuery(words="honey bees"), last=date(2026, 3, 3), daily=2)
    assert len(found) == 4
    assert len([match for match in found if match.paper_id >= paper_id(100)]) == 2


async def test_what_is_not_of_the_catalogue_matches_nothing(measured: Database) -> None:
    assert await ask(measured, TopicQuery(words="submarine volcanoes")) == []


async def test_ratings_outweigh_the_words_in_the_end(with_vectors: Database) -> None:
    wanted = TopicQuery(words="pollen foraging")
    rated = TopicQuery(words="pollen foraging", liked=tuple(paper_id(number) for number in range(2, 42, 3)))
    before = await ask(with_vectors, wanted, vector=True, daily=50)
    after = await ask(with_vectors, rated, vector=True, daily=50)
    assert 2 not in subjects(before)
    assert 2 in subjects(after)


async def test_examples_that_left_the_catalogue_count_for_nothing(measured: Database) -> None:
    kept = await ask(measured, TopicQuery(examples=(paper_id(1),)))
    assert await ask(measured, TopicQuery(examples=(paper_id(1), "9999.99999"))) == kept


async def test_the_strength_tells_how_few_papers_score_as_high(measured: Database) -> None:
    found = await ask(measured, TopicQuery(words="honey bees"), daily=50)
    strengths = [match.strength for match in sorted(found, key=lambda match: -match.score)]
    assert all(0 <= strength <= 100 for strength in strengths)
    assert strengths == sorted(strengths, reverse=True)
    assert strengths[0] >= 33


async def test_a_stricter_topic_shows_a_part_of_what_a_less_strict_one_does(with_vectors: Database) -> None:
    wanted = TopicQuery(words="honey bees")
    shown = [
        {match.paper_id for match in await ask(with_vectors, wanted, vector=True, daily=50, min_band=band)}
        for band in (Band.possible, Band.good, Band.strong)
    ]
    assert shown[0] >= shown[1] >= shown[2]
    assert shown[0]


async def test_every_match_has_the_band_of_its_fit_and_a_reason(with_vectors: Database) -> None:
    found = await ask(with_vectors, TopicQuery(words="honey bees"), vector=True, min_band=Band.possible)
    assert found == sorted(found, key=lambda match: match.order)
    for match in found:
        assert match.band is find_band(match.fit)
        assert match.reasons


async def test_a_followed_author_is_shown_without_a_band_where_nothing_else_fits(database: Database) -> None:
    await add_three_subjects(database)
    await store_listing(database, "2026-03-02", subject_record(70, "clocks", "Ada Müller"))
    await corpus.measure_if_grown(database, now=NOW)
    [match] = await ask(database, TopicQuery(words="submarine volcanoes", authors=("Ada Müller",)))
    assert match.band is None
    assert [reason.kind for reason in match.reasons] == [ReasonKind.author]


async def test_a_model_without_constants_goes_by_words_alone_and_says_so(with_vectors: Database) -> None:
    async with with_vectors.write_session() as session:
        assert not await corpus.explain_words_alone(session)
        await session.execute(update(EmbeddingModel).values(name="another"))
        assert "not been calibrated" in await corpus.explain_words_alone(session)
    wanted = TopicQuery(words="honey bees")
    stranger = QueryVector("another", subject_vector("pendulum clocks"))
    by_words = await ask(with_vectors, wanted, daily=50)
    assert subjects(by_words) == {1}
    with_vector = await ask(with_vectors, wanted, text_vector=stranger, daily=50)
    fits = {match.paper_id: match.fit for match in by_words}
    assert {match.paper_id: match.fit for match in with_vector} == pytest.approx(fits)
