"""Matching a topic with some days' papers, with statistics, without them, with and without vectors."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import func, select

from paperround.database import Database
from paperround.search.query_vectors import QueryVector
from paperround.topics import corpus
from paperround.topics.matcher import matches
from paperround.topics.model.match import Kind, Match, Wanted
from paperround.topics.tables import MeasuredCatalogue

from support.factories import at, listed
from support.topic_corpus import MODEL, embedded, paper, paper_id, three_subjects, vector_of

DAY = date(2026, 3, 2)
NOW = at("2026-03-02 14:00")


async def ask(database: Database, wanted: Wanted, *, vector: bool = False, **changes) -> list[Match]:
    given = QueryVector(MODEL, vector_of(wanted.text)) if vector else None
    asked = {"text_vector": given, "first": DAY, "last": DAY, "limit": 50, "daily": 10} | changes
    async with database.reading() as session:
        return list(await matches(session, wanted, **asked))


def subjects(found: list[Match]) -> set[int]:
    return {int(match.paper_id[-5:]) % 3 for match in found}


@pytest.fixture
async def measured(database: Database) -> Database:
    await three_subjects(database)
    await corpus.measure_if_grown(database, now=NOW)
    return database


@pytest.fixture
async def with_vectors(database: Database) -> Database:
    await three_subjects(database)
    await embedded(database)
    await corpus.measure_if_grown(database, now=NOW)
    return database


async def test_words_alone_find_their_subject_and_say_by_which_phrase(measured):
    found = await ask(measured, Wanted(text="honey bees"))
    assert found
    assert subjects(found) == {1}
    assert found[0].reasons[0].kind is Kind.phrase
    assert found[0].reasons[0].text == "honey bees"
    assert [match.score for match in found] == sorted((match.score for match in found), reverse=True)


async def test_a_new_catalogue_without_statistics_matches_too(database):
    await three_subjects(database, count=12)
    async with database.reading() as session:
        assert not await session.scalar(select(func.count()).select_from(MeasuredCatalogue))
    assert subjects(await ask(database, Wanted(text="pendulum clocks"))) == {2}


async def test_an_empty_catalogue_matches_nothing(database):
    assert await ask(database, Wanted(text="honey bees", examples=("2603.00001",))) == []


async def test_examples_find_papers_like_them_and_are_the_reason(with_vectors):
    found = await ask(with_vectors, Wanted(examples=(paper_id(3), paper_id(6))))
    assert subjects(found) == {0}
    others = [match for match in found if match.paper_id not in {paper_id(3), paper_id(6)}]
    assert others
    for match in others:
        [near] = [reason for reason in match.reasons if reason.kind is Kind.paper]
        assert near.text in {paper_id(3), paper_id(6)}
        assert near.weight > 0


async def test_meaning_finds_what_words_do_not_say(with_vectors):
    vector = QueryVector(MODEL, vector_of("honey bees"))
    assert subjects(await ask(with_vectors, Wanted(text="buzzing"), text_vector=vector)) == {1}
    assert await ask(with_vectors, Wanted(text="buzzing")) == []


async def test_a_vector_of_another_model_counts_for_nothing(with_vectors):
    stranger = QueryVector("another", vector_of("honey bees"))
    assert await ask(with_vectors, Wanted(text="buzzing"), text_vector=stranger) == []


async def test_a_paper_rated_less_never_comes_back(measured):
    everything = await ask(measured, Wanted(text="honey bees"))
    less = everything[0].paper_id
    again = await ask(measured, Wanted(text="honey bees", less=(less,)))
    assert less not in {match.paper_id for match in again}


async def test_a_paper_rated_less_stays_away_even_by_a_followed_author(database):
    await listed(database, "2026-03-02", paper(1, "bees", "Ada Müller"), paper(4, "bees", "Ada Müller"))
    wanted = Wanted(authors=("ada muller",), less=(paper_id(1),))
    assert [match.paper_id for match in await ask(database, wanted)] == [paper_id(4)]


async def test_rules_of_words_hold_for_whole_words_in_any_case(measured):
    plain = await ask(measured, Wanted(text="bees"), daily=50)
    must = await ask(measured, Wanted(text="bees", must=("Queen-Rearing",)), daily=50)
    assert must
    assert len(must) < len(plain)
    assert await ask(measured, Wanted(text="honey bees", must=("wagg",))) == []
    without = await ask(measured, Wanted(text="bees", must_not=("queen rearing",)), daily=50)
    assert without
    assert {match.paper_id for match in without}.isdisjoint(match.paper_id for match in must)


async def test_a_followed_author_needs_no_words_and_adds_nothing_to_the_score(measured):
    await listed(measured, "2026-03-02", paper(70, "bees", "Ada Müller"))
    alone = await ask(measured, Wanted(authors=("ADA MULLER",)))
    assert [(match.paper_id, match.score) for match in alone] == [(paper_id(70), 0.0)]
    assert alone[0].reasons == ((Kind.author, "ADA MULLER", 0.0),)
    wanted = Wanted(text="honey bees", authors=("Ada Müller",), must=("nothing has this",))
    [only] = await ask(measured, wanted)
    by_text = await ask(measured, Wanted(text="honey bees"))
    assert only.score == {match.paper_id: match.score for match in by_text}[paper_id(70)]


async def test_daily_is_how_many_a_day_are_enough_and_poor_matches_do_not_fill_it(measured):
    assert len(await ask(measured, Wanted(text="honey bees"), daily=2)) == 2
    many = await ask(measured, Wanted(text="honey bees"), daily=50)
    assert subjects(many) == {1}
    assert len(many) < 20


async def test_each_day_of_a_span_has_its_own_daily(measured):
    await listed(measured, "2026-03-03", *(paper(n, "bees") for n in range(100, 130, 5)))
    found = await ask(measured, Wanted(text="honey bees"), last=date(2026, 3, 3), daily=2)
    assert len(found) == 4
    assert len([match for match in found if match.paper_id >= paper_id(100)]) == 2


async def test_what_is_not_of_the_catalogue_matches_nothing(measured):
    assert await ask(measured, Wanted(text="submarine volcanoes")) == []


async def test_ratings_outweigh_the_words_in_the_end(with_vectors):
    wanted = Wanted(text="pollen foraging")
    rated = Wanted(text="pollen foraging", more=tuple(paper_id(number) for number in range(2, 42, 3)))
    before = await ask(with_vectors, wanted, vector=True, daily=50)
    after = await ask(with_vectors, rated, vector=True, daily=50)
    assert 2 not in subjects(before)
    assert 2 in subjects(after)


async def test_examples_that_left_the_catalogue_count_for_nothing(measured):
    kept = await ask(measured, Wanted(examples=(paper_id(1),)))
    assert await ask(measured, Wanted(examples=(paper_id(1), "9999.99999"))) == kept


async def test_the_strength_tells_how_few_papers_score_as_high(measured):
    found = await ask(measured, Wanted(text="honey bees"), daily=50)
    strengths = [match.strength for match in found]
    assert all(0 <= strength <= 100 for strength in strengths)
    assert strengths == sorted(strengths, reverse=True)
    assert found[0].strength >= 33
