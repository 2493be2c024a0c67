"""Calibrating a model from judged pairs, and what has to be made again after that."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select, text, update

from paperround.accounts.tables import Reader
from paperround.database import Database
from paperround.embeddings.tables import EmbeddingModel
from paperround.search.calibration import calibrate_search
from paperround.search.engine import search
from paperround.search.query_syntax import parse_query
from paperround.search.query_vectors import QueryVector
from paperround.search.relevance import MatchKind
from paperround.search.word_counts import refresh_word_counts
from paperround.topics import corpus
from paperround.topics.edition_matches import match_edition
from paperround.topics.judgments import (
    JudgmentsInvalid,
    ModelNotCalibratable,
    calibrate_model,
    group_grades,
    parse_judgments,
)
from paperround.topics.model.fit_constants import WORDS_ALONE, FitConstants
from paperround.topics.queries import find_latest_match_days, load_matches
from paperround.topics.tables import Topic

from support.factories import utc
from support.topic_corpus import MODEL, add_three_subjects, add_vectors, narrow, paper_id, subject_vector

DAY = date(2026, 3, 2)
NOW = utc("2026-03-02 14:00")
WORDS = ("river deltas", "honey bees", "pendulum clocks")


class InventedEncoder:
    name = MODEL

    async def encode(self, texts: Any) -> Any:
        return np.stack([subject_vector(text) for text in texts])


class NarrowEncoder:
    """Knows the subjects; any other text is about something else."""

    name = "narrow"

    async def encode(self, texts: Any) -> Any:
        return np.stack([narrow(subject_vector(text)) for text in texts])


def judged(count: int = 60) -> list[str]:
    """Each subject with every paper: those of the subject fit, the others don't."""
    return [
        json.dumps({"topic": words, "id": paper_id(number), "grade": 2 if number % 3 == place else 0})
        for place, words in enumerate(WORDS)
        for number in range(1, count + 1)
    ]


async def add_topic(database: Database) -> int:
    async with database.write_session() as session:
        reader = Reader(email="ada@example.org", created_at=NOW, seen_at=NOW, visited_at=NOW)
        session.add(reader)
        await session.flush()
        topic = Topic(reader_id=reader.id, name="Bees", words="honey bees", created_at=NOW, changed_at=NOW)
        session.add(topic)
        await session.flush()
        return topic.id


@pytest.mark.parametrize(
    "line",
    ["[]", "{", '{"topic": "bees", "id": "2603.00001"}', '{"topic": "", "id": "2603.00001", "grade": 1}',
     '{"topic": "bees", "id": "2603.00001", "grade": 3}',
     '{"topic": "bees", "id": "2603.00001", "grade": true}',
     "null", '"bees"', "[" * 5000],
)  # fmt: skip
def test_a_line_of_another_form_is_named_by_its_number(line: str) -> None:
    with pytest.raises(JudgmentsInvalid, match="Line 3 "):
        parse_judgments([*judged()[:1], "", line])


async def test_judgments_make_constants_that_are_kept_with_the_model(catalogue: Database) -> None:
    done = await calibrate_model(catalogue, InventedEncoder(), parse_judgments(judged()))
    assert (done.model, done.topics, done.unknown_papers) == (MODEL, 3, 0)
    assert done.after.calibration_error <= done.before.calibration_error + 0.05
    async with catalogue.read_session() as session:
        kept = await session.scalar(select(EmbeddingModel.fit_constants))
        version = await corpus.load_current_version(session)
    assert kept is not None
    assert version.constants == FitConstants.from_json(kept)


async def test_a_model_that_nobody_calibrated_can_be(catalogue: Database) -> None:
    async with catalogue.write_session() as session:
        await session.execute(update(EmbeddingModel).values(name="another"))
        assert (await corpus.load_current_version(session)).constants is WORDS_ALONE
    encoder = InventedEncoder()
    encoder.name = "another"
    await calibrate_model(catalogue, encoder, parse_judgments(judged()))
    async with catalogue.read_session() as session:
        assert not await corpus.explain_words_alone(session)


async def test_cosines_of_another_scale_are_learned_by_topics_and_by_searches(database: Database) -> None:
    """Nothing of the model that we ship constants for is left where another one is calibrated."""
    await add_three_subjects(database)
    await add_vectors(database, model="narrow", change=narrow)
    await corpus.measure_if_grown(database, now=NOW)
    await refresh_word_counts(database)
    encoder = NarrowEncoder()
    judgments = parse_judgments(judged())

    done = await calibrate_model(database, encoder, judgments)
    fits, fitting = done.after.fits, done.after.grades > 0
    assert (fits[fitting].min() > 0.75, fits[~fitting].max() < 0.3) == (True, True)

    query = parse_query("how insects dance in the dark")
    vector = QueryVector("narrow", narrow(subject_vector("honey bees")))
    async with database.read_session() as session:
        before = await search(session, query, vector)
    assert (before.results, before.is_calibrated) == ([], False), "its vectors decide nothing yet"
    searches = await calibrate_search(database, encoder, group_grades(judgments))
    assert searches.after is not None
    assert (searches.after.share_relevant, searches.after.absent) == (1.0, 0)
    async with database.read_session() as session:
        found = await search(session, query, vector)
    assert found.is_calibrated
    assert {int(result.paper_id[-5:]) % 3 for result in found.results} == {1}
    assert {result.kind for result in found.results} == {MatchKind.meaning}


async def test_searches_stay_as_they_were_where_too_little_was_judged(catalogue: Database) -> None:
    """All of what they find fits, so nothing tells where results should end."""
    fitting = [line for line in judged() if '"grade": 2' in line]
    done = await calibrate_search(catalogue, InventedEncoder(), group_grades(parse_judgments(fitting)))
    assert done.after is None
    async with catalogue.read_session() as session:
        assert await session.scalar(select(EmbeddingModel.search_constants)) is None


async def test_topics_are_matched_again_with_new_constants(catalogue: Database) -> None:
    await add_topic(catalogue)
    assert await match_edition(catalogue, DAY, InventedEncoder()) == 1
    assert await match_edition(catalogue, DAY, InventedEncoder()) == 0
    await calibrate_model(catalogue, InventedEncoder(), parse_judgments(judged()))
    assert await match_edition(catalogue, DAY, InventedEncoder()) == 1


async def test_too_few_papers_that_are_here_change_nothing(catalogue: Database) -> None:
    elsewhere = [line.replace("2603.", "2703.") for line in judged()]
    with pytest.raises(JudgmentsInvalid, match="at least 50"):
        await calibrate_model(catalogue, InventedEncoder(), parse_judgments([*elsewhere, *judged()[:9]]))
    async with catalogue.read_session() as session:
        assert await session.scalar(select(EmbeddingModel.fit_constants)) is None


async def test_without_measured_vectors_there_is_nothing_to_calibrate(database: Database) -> None:
    await add_three_subjects(database)
    with pytest.raises(ModelNotCalibratable):
        await calibrate_model(database, InventedEncoder(), parse_judgments(judged()))


async def test_what_the_release_before_stored_is_not_taken_for_current(catalogue: Database) -> None:
    """It sets matches and the hash of the papers, and leaves the fits of what was there."""
    topic = await add_topic(catalogue)
    await match_edition(catalogue, DAY, InventedEncoder())
    async with catalogue.write_session() as session:
        before = (await load_matches(session, [topic], DAY, DAY))[topic]
        assert before[DAY]
        assert await find_latest_match_days(session, [topic]) == {topic: DAY}
        four = await session.scalar(text("SELECT jsonb_array_length(matches -> 0) FROM topic_days"))
        assert four == 4  # that is how many fields it reads
        await session.execute(text("UPDATE topic_days SET matches = '[]', papers_hash = 'of before'"))
        assert (await load_matches(session, [topic], DAY, DAY))[topic] == {}
        assert await find_latest_match_days(session, [topic]) == {}
    assert await match_edition(catalogue, DAY, InventedEncoder()) == 1
    async with catalogue.read_session() as session:
        after = (await load_matches(session, [topic], DAY, DAY))[topic]
    assert [match.paper_id for match in after[DAY]] == [match.paper_id for match in before[DAY]]
