"""What a list marks for its reader: stored matches of their topics, the surest first, in one statement."""

from __future__ import annotations

from datetime import date

import pytest

from paperround.database import Database
from paperround.topics import corpus, ratings, reader_topics
from paperround.topics.drafts import TopicDraft
from paperround.topics.edition_matches import match_latest
from paperround.topics.reader_matches import ReaderMatches, load_reader_matches

from support.factories import utc
from support.people import ADA, BEN, Person, add_person
from support.topic_corpus import add_three_subjects, paper_id

DAY = date(2026, 3, 10)
NOW = utc("2026-03-10 12:00")


@pytest.fixture
async def ada(database: Database) -> Person:
    await add_three_subjects(database, day=DAY.isoformat())
    await corpus.measure_if_grown(database, now=NOW)
    return await add_person(database, ADA, now=NOW)


async def follow(database: Database, who: Person, words: str) -> int:
    async with database.write_session() as session:
        topic = await reader_topics.create_topic(session, who.id, TopicDraft(words=words), now=NOW)
    return topic.id


async def load(database: Database, who: Person, papers: list[str] | None = None) -> ReaderMatches:
    async with database.read_session() as session:
        return await load_reader_matches(session, who.id, [DAY], papers)


async def test_matches_of_all_topics_come_with_names_and_reasons_the_surest_first(
    database: Database, ada: Person
) -> None:
    bees, clocks = [await follow(database, ada, words) for words in ("honey bees", "pendulum clocks")]
    ben = await add_person(database, BEN, now=NOW)
    await follow(database, ben, "river deltas")
    assert not (await load(database, ada)).is_known, "they wait to be matched"
    await match_latest(database, None)

    found = await load(database, ada)

    assert {(one.topic_id, one.topic) for one in found.matches} == {
        (bees, "honey bees"),
        (clocks, "pendulum clocks"),
    }
    fits = [one.match.fit for one in found.matches]
    assert fits == sorted(fits, reverse=True)
    assert all(one.match.band and one.match.reasons for one in found.matches)
    best = [one.match.paper_id for one in found.list_best()]
    assert len(best) == len(set(best)) > 1
    assert [one.match.paper_id for one in (await load(database, ada, best[1:2])).matches] == best[1:2]
    nothing = await load(database, ada, ["2603.99999"])
    assert nothing.is_known
    assert nothing.matches == []


async def test_a_rating_leaves_the_marks_and_another_topic_takes_them_away(
    database: Database, ada: Person
) -> None:
    bees = await follow(database, ada, "honey bees")
    await match_latest(database, None)
    before = [one.match.paper_id for one in (await load(database, ada)).matches]
    assert before
    async with database.write_session() as session:
        topic = await reader_topics.get_topic(session, ada.id, bees)
        await ratings.rate_paper(session, topic, paper_id(1), 1, now=utc("2026-03-10 12:05"))
    assert [one.match.paper_id for one in (await load(database, ada)).matches] == before
    async with database.write_session() as session:
        topic = await reader_topics.get_topic(session, ada.id, bees)
        await reader_topics.change_topic(
            session, topic, TopicDraft(words="leap seconds"), now=utc("2026-03-10 12:06")
        )
    assert not (await load(database, ada)).is_known


async def test_a_paused_topic_marks_nothing(database: Database, ada: Person) -> None:
    bees = await follow(database, ada, "honey bees")
    await match_latest(database, None)
    async with database.write_session() as session:
        await reader_topics.set_paused(session, await reader_topics.get_topic(session, ada.id, bees), True)
    assert not (await load(database, ada)).is_known
