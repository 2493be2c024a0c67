"""A reader's day over all topics: each paper once, ratings at once, some from outside."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperround.database import Database
from paperround.topics import edition_matches, overview, ratings, reader_topics
from paperround.topics.drafts import TopicDraft
from paperround.topics.model.match import Match
from paperround.topics.overview import TopicGroup, choose_outside_papers, place_each_once
from paperround.topics.tables import Topic, TopicDay

from support.factories import add_reader, utc
from support.topic_corpus import add_measured_subjects, paper_id

DAY = date(2026, 3, 2)
NOW = utc("2026-03-02 14:00")
IDS = [paper_id(number) for number in range(1, 31)]


def topics(count: int) -> list[Topic]:
    return [Topic(id=number, name=f"Topic {number}", paused=False) for number in range(1, count + 1)]


found = st.lists(
    st.dictionaries(st.sampled_from(IDS[:8]), st.integers(0, 100), max_size=6), min_size=1, max_size=5
)


@given(found)
def test_each_paper_stands_once_where_it_is_strongest_and_none_is_lost(
    strengths: list[dict[str, int]],
) -> None:
    mine = topics(len(strengths))
    matches = {
        topic.id: [
            Match(key, float(strength), strength, (), strength / 100) for key, strength in given_.items()
        ]
        for topic, given_ in zip(mine, strengths, strict=True)
    }
    placed = place_each_once(mine, matches)
    shown = [one.match.paper_id for group in placed for one in group]
    assert len(shown) == len(set(shown))
    assert set(shown) == {key for given_ in strengths for key in given_}
    for topic, group, given_ in zip(mine, placed, strengths, strict=True):
        for one in group:
            key = one.match.paper_id
            assert given_[key] == max(other.get(key, -1) for other in strengths)
            others = {t.name for t, other in zip(mine, strengths, strict=True) if key in other} - {topic.name}
            assert set(one.other_topics) == others


@given(st.integers(0, 60), st.sets(st.sampled_from(IDS)), st.integers(1, 99))
def test_one_in_five_comes_from_outside_all_day_the_same(matched: int, seen: set[str], who: int) -> None:
    chosen = choose_outside_papers(IDS, seen, matched=matched, reader_id=who, day=DAY)
    assert chosen == choose_outside_papers(IDS[::-1], seen, matched=matched, reader_id=who, day=DAY)
    assert not seen & set(chosen)
    room = len(IDS) - len(seen)
    assert len(chosen) == min(room, 5, max(round(matched / 4), 1) if matched else 3)


def test_another_day_and_another_reader_see_others() -> None:
    first = choose_outside_papers(IDS, (), matched=20, reader_id=1, day=DAY)
    assert first != choose_outside_papers(IDS, (), matched=20, reader_id=1, day=DAY + timedelta(days=1))
    assert first != choose_outside_papers(IDS, (), matched=20, reader_id=2, day=DAY)


async def grouped(database: Database, who: int) -> list[TopicGroup]:
    async with database.read_session() as session:
        return await overview.group_matches(session, await reader_topics.list_topics(session, who), DAY, {})


async def test_a_rating_counts_at_the_next_look_before_any_worker_came(database: Database) -> None:
    await add_measured_subjects(database, now=NOW)
    ada = await add_reader(database, "ada@example.org")
    async with database.write_session() as session:
        bees = await reader_topics.create_topic(session, ada.id, TopicDraft(words="honey bees"), now=NOW)
        await reader_topics.create_topic(session, ada.id, TopicDraft(words="river deltas", daily=3), now=NOW)
        idle = await reader_topics.create_topic(session, ada.id, TopicDraft(words="pendulum clocks"), now=NOW)
        await reader_topics.set_paused(session, idle, True)
    await edition_matches.match_edition(database, DAY, None)
    first, rivers = await grouped(database, ada.id)
    assert (first.topic.name, rivers.topic.name) == ("honey bees", "river deltas")
    assert first.matches
    assert len(rivers.matches) <= 3
    disliked = first.matches[0].match.paper_id
    async with database.write_session() as session:
        topic = await reader_topics.get_topic(session, ada.id, bees.id)
        await ratings.rate_paper(session, topic, disliked, -1, now=NOW + timedelta(minutes=1))
    for _ in range(2):
        first, _ = await grouped(database, ada.id)
        assert disliked not in [one.match.paper_id for one in first.matches]
        await edition_matches.match_edition(database, DAY, None)
    async with database.read_session() as session:
        assert await session.get(TopicDay, (bees.id, DAY))


async def test_more_topics_than_a_page_can_match_wait_for_the_worker(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overview, "MAX_TOPICS_MATCHED", 1)
    await add_measured_subjects(database, now=NOW)
    ada = await add_reader(database, "ada@example.org")
    async with database.write_session() as session:
        for words in ("honey bees", "river deltas"):
            await reader_topics.create_topic(session, ada.id, TopicDraft(words=words), now=NOW)
    assert [group.is_waiting for group in await grouped(database, ada.id)] == [False, True]
    await edition_matches.match_edition(database, DAY, None)
    assert [group.is_waiting for group in await grouped(database, ada.id)] == [False, False]


async def test_many_topics_share_a_page_that_stays_small(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overview, "MAX_MATCHES", 3)
    await add_measured_subjects(database, now=NOW)
    ada = await add_reader(database, "ada@example.org")
    async with database.write_session() as session:
        for words in ("honey bees", "river deltas", "pendulum clocks"):
            await reader_topics.create_topic(session, ada.id, TopicDraft(words=words), now=NOW)
    groups = await grouped(database, ada.id)
    assert [len(group.shown_matches) for group in groups] == [1, 1, 1]
    assert all(len(group.matches) > 1 for group in groups)
