"""A reader's day over all topics: each paper once, ratings at once, some from outside."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from paperround.database import Database
from paperround.topics import corpus, edition_matches, overview, reader_topics
from paperround.topics.model.match import Match
from paperround.topics.overview import Group, each_once, outside
from paperround.topics.reader_topics import Wish
from paperround.topics.tables import Topic, TopicDay

from support.factories import at, reader
from support.topic_corpus import paper_id, three_subjects

DAY = date(2026, 3, 2)
NOW = at("2026-03-02 14:00")
IDS = [paper_id(number) for number in range(1, 31)]


def topics(count: int) -> list[Topic]:
    return [Topic(id=number, name=f"Topic {number}", paused=False) for number in range(1, count + 1)]


found = st.lists(
    st.dictionaries(st.sampled_from(IDS[:8]), st.integers(0, 100), max_size=6), min_size=1, max_size=5
)


@given(found)
def test_each_paper_stands_once_where_it_is_strongest_and_none_is_lost(strengths):
    mine = topics(len(strengths))
    matches = {
        topic.id: [Match(key, float(strength), strength, ()) for key, strength in given_.items()]
        for topic, given_ in zip(mine, strengths, strict=True)
    }
    placed = each_once(mine, matches)
    shown = [one.match.paper_id for group in placed for one in group]
    assert len(shown) == len(set(shown))
    assert set(shown) == {key for given_ in strengths for key in given_}
    for topic, group, given_ in zip(mine, placed, strengths, strict=True):
        for one in group:
            key = one.match.paper_id
            assert given_[key] == max(other.get(key, -1) for other in strengths)
            others = {t.name for t, other in zip(mine, strengths, strict=True) if key in other} - {topic.name}
            assert set(one.also) == others


@given(st.integers(0, 60), st.sets(st.sampled_from(IDS)), st.integers(1, 99))
def test_one_in_five_comes_from_outside_all_day_the_same(matched, seen, who):
    chosen = outside(IDS, seen, matched=matched, reader_id=who, day=DAY)
    assert chosen == outside(IDS[::-1], seen, matched=matched, reader_id=who, day=DAY)
    assert not seen & set(chosen)
    room = len(IDS) - len(seen)
    assert len(chosen) == min(room, 5, max(round(matched / 4), 1) if matched else 3)


def test_another_day_and_another_reader_see_others():
    first = outside(IDS, (), matched=20, reader_id=1, day=DAY)
    assert first != outside(IDS, (), matched=20, reader_id=1, day=DAY + timedelta(days=1))
    assert first != outside(IDS, (), matched=20, reader_id=2, day=DAY)


async def grouped(database: Database, who: int) -> list[Group]:
    async with database.reading() as session:
        return await overview.grouped(session, await reader_topics.topics_of(session, who), DAY, {})


async def test_a_rating_counts_at_the_next_look_before_any_worker_came(database):
    await three_subjects(database)
    await corpus.measure_if_grown(database, now=NOW)
    ada = await reader(database, "ada@example.org")
    async with database.writing() as session:
        bees = await reader_topics.create(session, ada.id, Wish(words="honey bees"), now=NOW)
        await reader_topics.create(session, ada.id, Wish(words="river deltas", daily=3), now=NOW)
        idle = await reader_topics.create(session, ada.id, Wish(words="pendulum clocks"), now=NOW)
        await reader_topics.pause(session, idle, True)
    await edition_matches.match_edition(database, DAY, None)
    first, rivers = await grouped(database, ada.id)
    assert (first.topic.name, rivers.topic.name) == ("honey bees", "river deltas")
    assert first.matches
    assert len(rivers.matches) <= 3
    disliked = first.matches[0].match.paper_id
    async with database.writing() as session:
        topic = await reader_topics.topic_of(session, ada.id, bees.id)
        await reader_topics.rate(session, topic, disliked, -1, now=NOW + timedelta(minutes=1))
    for _ in range(2):
        first, _ = await grouped(database, ada.id)
        assert disliked not in [one.match.paper_id for one in first.matches]
        await edition_matches.match_edition(database, DAY, None)
    async with database.reading() as session:
        assert await session.get(TopicDay, (bees.id, DAY))


async def test_more_topics_than_a_page_can_match_wait_for_the_worker(database, monkeypatch):
    monkeypatch.setattr(overview, "MOST_AT_ONCE", 1)
    await three_subjects(database)
    await corpus.measure_if_grown(database, now=NOW)
    ada = await reader(database, "ada@example.org")
    async with database.writing() as session:
        for words in ("honey bees", "river deltas"):
            await reader_topics.create(session, ada.id, Wish(words=words), now=NOW)
    assert [group.waiting for group in await grouped(database, ada.id)] == [False, True]
    await edition_matches.match_edition(database, DAY, None)
    assert [group.waiting for group in await grouped(database, ada.id)] == [False, False]


async def test_many_topics_share_a_page_that_stays_small(database, monkeypatch):
    monkeypatch.setattr(overview, "MOST_SHOWN", 3)
    await three_subjects(database)
    await corpus.measure_if_grown(database, now=NOW)
    ada = await reader(database, "ada@example.org")
    async with database.writing() as session:
        for words in ("honey bees", "river deltas", "pendulum clocks"):
            await reader_topics.create(session, ada.id, Wish(words=words), now=NOW)
    groups = await grouped(database, ada.id)
    assert [len(group.shown) for group in groups] == [1, 1, 1]
    assert all(len(group.matches) > 1 for group in groups)
