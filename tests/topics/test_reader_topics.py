"""Following topics: ada owns, ben has others, cyn must see nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperround.database import Database
from paperround.papers import removal
from paperround.papers.tables import Paper
from paperround.topics import queries, reader_topics, seeds
from paperround.topics.bibliography import Reference
from paperround.topics.model.match import Wanted
from paperround.topics.reader_topics import CannotFollow, NoSuchTopic, Wish, checked
from paperround.topics.tables import Topic

from support.factories import at, item, listed, reader

ONE, TWO, THREE = (f"2603.0000{n}" for n in (1, 2, 3))
NOON = at("2026-03-02 12:00")
SCALING = Wish(words="efficient scaling of language model training")


@pytest.fixture
async def papers(database: Database) -> Database:
    await listed(database, "2026-03-02", *(item(paper_id) for paper_id in (ONE, TWO, THREE)))
    return database


@pytest.fixture
async def ada(papers: Database) -> int:
    return (await reader(papers, "ada@example.org")).id


@pytest.fixture
async def cyn(papers: Database) -> int:
    return (await reader(papers, "cyn@example.org")).id


async def create(database: Database, who: int, wish: Wish = SCALING) -> Topic:
    async with database.writing() as session:
        return await reader_topics.create(session, who, wish, now=NOON)


async def topic(database: Database, who: int, topic_id: int) -> Topic:
    async with database.reading() as session:
        return await reader_topics.topic_of(session, who, topic_id)


async def wanted(database: Database, topic_id: int) -> Wanted:
    async with database.reading() as session:
        return (await queries.wanted_of(session, [topic_id]))[topic_id]


async def names(database: Database, who: int) -> list[str]:
    async with database.reading() as session:
        return [topic.name for topic in await reader_topics.topics_of(session, who)]


async def do(
    database: Database, who: int, topic_id: int, what: Callable[..., Any], *rest: Any, **more: Any
) -> Any:
    """One thing with a topic of the reader's, in a transaction of its own."""
    async with database.writing() as session:
        return await what(session, await reader_topics.topic_of(session, who, topic_id), *rest, **more)


# What a topic says


async def test_a_topic_is_kept_as_it_was_put(papers, ada):
    wish = Wish("Rivers", "how meaning flows", (ONE, TWO), ("river",), ("ocean",), ("Ada Lindqvist",), 7)
    made = await create(papers, ada, wish)
    kept = await topic(papers, ada, made.id)
    assert reader_topics.wish_of(kept) == wish
    assert await wanted(papers, made.id) == wish.wanted
    assert (kept.paused, kept.changed_at) == (False, NOON)


@pytest.mark.parametrize(
    ("wish", "name"),
    [
        (SCALING, "efficient scaling of language model training"),
        (Wish(words="word " * 30), ("word " * 12).strip() + "…"),
        (Wish(words="w" * 100), "w" * 60 + "…"),
        (Wish(examples=(ONE,)), f"Like {ONE}"),
        (Wish(authors=("Ada Lindqvist",)), "By Ada Lindqvist"),
        (Wish(name=" My \n own ", words="x"), "My own"),
    ],
)
def test_a_topic_without_a_name_is_called_by_what_it_says(wish, name):
    assert checked(wish).name == name


@pytest.mark.parametrize(
    ("wish", "told"),
    [
        (Wish(), "Say what it is about"),
        (Wish(name="A name alone", must=("river",)), "Say what it is about"),
        (Wish(words="x" * 1001), "1,001 characters of at most 1,000"),
        (Wish(words="x", name="n" * 101), "The name is too long"),
        (Wish(words="x", must=tuple(f"m{n}" for n in range(21))), "At most 20 of a kind"),
        (Wish(words="x", must_not=("m" * 101,)), "too long"),
        (Wish(words="x", authors=tuple(f"a{n}" for n in range(21))), "At most 20"),
        (Wish(examples=tuple(f"2603.{n:05}" for n in range(201))), "At most 200 example papers"),
        (Wish(words="x", daily=0), "From 1 to 50"),
        (Wish(words="x", daily=51), "From 1 to 50"),
    ],
)
def test_what_a_topic_may_not_be_is_said(wish, told):
    with pytest.raises(CannotFollow, match=told):
        checked(wish)


texts = st.text(max_size=40)


@given(
    st.builds(
        Wish,
        name=texts,
        words=texts,
        must=st.lists(texts, max_size=4).map(tuple),
        authors=st.lists(texts, max_size=4).map(tuple),
    )
)
def test_any_wish_is_tidied_or_refused_and_tidying_twice_changes_nothing(wish):
    try:
        tidy = checked(wish)
    except CannotFollow:
        return
    assert tidy.name
    assert all(rule and rule == rule.strip() for rule in (*tidy.must, *tidy.authors))
    assert len(set(tidy.must)) == len(tidy.must)
    assert checked(tidy) == tidy


async def test_an_example_that_is_not_here_is_named(papers, ada):
    with pytest.raises(CannotFollow, match="Not in the catalogue"):
        await create(papers, ada, Wish(examples=(ONE, "2603.99999")))


async def test_a_change_replaces_what_it_says_and_keeps_what_was_rated(papers, ada):
    made = await create(papers, ada, Wish("Rivers", "rivers", (ONE, TWO)))
    await do(papers, ada, made.id, reader_topics.rate, THREE, -1, now=NOON)
    later = NOON + timedelta(hours=1)
    await do(papers, ada, made.id, reader_topics.change, Wish("Oceans", "oceans", (TWO, THREE)), now=later)
    kept = await topic(papers, ada, made.id)
    assert (kept.name, {example.paper_id for example in kept.examples}) == ("Oceans", {TWO, THREE})
    assert ((await wanted(papers, made.id)).less, kept.changed_at) == ((THREE,), later)


async def test_a_removed_paper_is_no_example_and_no_rating_any_more(papers, ada):
    made = await create(papers, ada, Wish("Rivers", "rivers", (ONE, TWO)))
    await do(papers, ada, made.id, reader_topics.rate, ONE, 1, now=NOON)
    async with papers.writing() as session:
        await removal.remove(session, ONE, now=NOON)
    assert await wanted(papers, made.id) == replace(SCALING, words="rivers", examples=(TWO,)).wanted


# Whose topic it is


async def test_anothers_topic_is_as_if_it_were_not_there(papers, ada, cyn):
    made = await create(papers, ada)
    for asked in (made.id, made.id + 1):
        with pytest.raises(NoSuchTopic, match="There is no such topic"):
            await topic(papers, cyn, asked)
        with pytest.raises(NoSuchTopic, match="There is no such topic"):
            async with papers.writing() as session:
                await reader_topics.move(session, cyn, asked, to=0)
    assert await names(papers, cyn) == []


async def test_a_hundred_topics_and_no_more_even_from_two_at_once(papers, ada, cyn, monkeypatch):
    monkeypatch.setattr(reader_topics, "MOST_TOPICS", 3)
    results = await asyncio.gather(*(create(papers, ada) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(result, CannotFollow) for result in results) == 2
    await create(papers, cyn)


async def test_a_deleted_topic_is_gone(papers, ada):
    made = await create(papers, ada, Wish("Rivers", "rivers", (ONE,)))
    await do(papers, ada, made.id, reader_topics.rate, TWO, 1, now=NOON)
    await do(papers, ada, made.id, reader_topics.remove)
    assert await names(papers, ada) == []


async def test_pausing_changes_nothing_else(papers, ada):
    made = await create(papers, ada)
    await do(papers, ada, made.id, reader_topics.pause, True)
    kept = await topic(papers, ada, made.id)
    assert (kept.paused, kept.changed_at) == (True, NOON)


# Their order


@pytest.mark.parametrize(
    ("moved", "to", "order"),
    [(2, 0, "CAB"), (0, 1, "BAC"), (0, 9, "BCA"), (1, -5, "BAC"), (1, 1, "ABC")],
)
async def test_topics_are_put_in_any_order(papers, ada, moved, to, order):
    made = [await create(papers, ada, replace(SCALING, name=name)) for name in "ABC"]
    async with papers.writing() as session:
        await reader_topics.move(session, ada, made[moved].id, to=to)
    assert "".join(await names(papers, ada)) == order
    await create(papers, ada, replace(SCALING, name="D"))
    assert "".join(await names(papers, ada)) == f"{order}D"


async def test_moves_at_once_leave_a_whole_order(papers, ada):
    made = [await create(papers, ada, replace(SCALING, name=name)) for name in "ABCD"]

    async def move(place: int) -> None:
        async with papers.writing() as session:
            await reader_topics.move(session, ada, made[place].id, to=0)

    await asyncio.gather(*(move(place) for place in (1, 2, 3)))
    async with papers.reading() as session:
        positions = [one.position for one in await reader_topics.topics_of(session, ada)]
    assert positions == [1, 2, 3, 4]
    assert sorted(await names(papers, ada)) == list("ABCD")


# Ratings


async def test_the_last_rating_counts_and_can_be_taken_back(papers, ada):
    made = await create(papers, ada)
    for minutes, (paper_id, value) in enumerate([(ONE, 1), (TWO, 1), (ONE, -1), (THREE, 1)], 1):
        await do(
            papers, ada, made.id, reader_topics.rate, paper_id, value, now=NOON + timedelta(minutes=minutes)
        )
    rated = await wanted(papers, made.id)
    assert (rated.more, rated.less) == ((TWO, THREE), (ONE,))
    await do(papers, ada, made.id, reader_topics.take_rating_back, ONE, now=NOON + timedelta(hours=1))
    assert (await wanted(papers, made.id)).less == ()
    assert (await topic(papers, ada, made.id)).changed_at == NOON + timedelta(hours=1)


async def test_two_ratings_of_one_paper_at_once_are_one(papers, ada):
    made = await create(papers, ada)
    rate = reader_topics.rate
    await asyncio.gather(*(do(papers, ada, made.id, rate, ONE, value, now=NOON) for value in (1, -1, 1, -1)))
    assert len((await topic(papers, ada, made.id)).ratings) == 1


@pytest.mark.parametrize(
    ("paper_id", "value", "told"),
    [(ONE, 0, "1 .more. or -1"), (ONE, 2, "1 .more. or -1"), ("2603.99999", 1, "Not in")],
)
async def test_what_is_no_rating_is_refused(papers, ada, paper_id, value, told):
    made = await create(papers, ada)
    with pytest.raises(CannotFollow, match=told):
        await do(papers, ada, made.id, reader_topics.rate, paper_id, value, now=NOON)


# Keys of feeds


async def test_a_feeds_key_opens_its_topic_until_there_is_a_new_one(papers, ada):
    made, other = await create(papers, ada), await create(papers, ada)
    first = await do(papers, ada, made.id, reader_topics.give_feed_key)
    second = await do(papers, ada, made.id, reader_topics.give_feed_key)
    async with papers.reading() as session:
        assert (await reader_topics.topic_by_key(session, made.id, second)).id == made.id
        for topic_id, key in ((made.id, first), (other.id, second), (made.id, ""), (made.id, "x" * 300)):
            with pytest.raises(NoSuchTopic, match="no such feed"):
                await reader_topics.topic_by_key(session, topic_id, key)


# Seeds


def test_ids_and_addresses_are_read_from_a_text():
    given = f"{ONE}, https://arxiv.org/abs/{TWO}v2\narXiv: {THREE}; nonsense {ONE}"
    assert seeds.named(given) == ([ONE, TWO, THREE], ["nonsense"])
    assert seeds.named(" ,;\n") == ([], [])


@given(st.text(max_size=300))
def test_any_text_names_ids_or_none(text):
    found = seeds.named(text)
    assert len(set(found.ids)) == len(found.ids)


async def test_a_library_is_found_by_id_doi_and_title(database):
    await listed(
        database,
        "2026-03-02",
        item(ONE, paper__title="Rivers of Meaning", title="Rivers of Meaning"),
        item(TWO, paper__title="Schrödinger's Patience: A Study", title="Schrödinger's Patience: A Study"),
        item(THREE),
    )
    library = [
        Reference(THREE, "", "Whatever"),
        Reference("", "10.1000/x", "schrodinger’s patience - a study"),
        Reference("2603.99999", "", "Rivers of meaning"),
        Reference("2603.99999", "", ""),
        Reference("", "10.1000/y", ""),
        Reference("", "", "Rivers"),
        Reference("", "", "of the"),
        Reference("", "", "' | ! & \\ (:*"),
    ]
    async with database.reading() as session:
        found = await seeds.of_library(session, library)
    assert found.paper_ids == [THREE, TWO, ONE]
    assert found.missing == ["2603.99999", "10.1000/y", "Rivers", "of the", "' | ! & \\ (:*"]


async def test_a_published_paper_is_found_by_its_doi_before_its_title(database):
    await listed(
        database, "2026-03-02", item(ONE), item(TWO), item(THREE, title="Rivers", paper__title="Rivers")
    )
    async with database.writing() as session:
        for paper_id in (TWO, ONE):
            (await session.get_one(Paper, paper_id)).doi = "10.1000/one"
    library = [
        Reference(THREE, "10.1000/one", ""),
        Reference("2603.99999", "10.1000/one", "Rivers"),
        Reference("", "10.1000/none", "Rivers"),
        Reference("", "10.1000/none", ""),
    ]
    async with database.reading() as session:
        found = await seeds.of_library(session, library)
    assert found == ([THREE, ONE], ["10.1000/none"])
