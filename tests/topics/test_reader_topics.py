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
from paperround.topics import queries, ratings, reader_topics, seeds
from paperround.topics.bibliography import Reference
from paperround.topics.drafts import TopicDraft, TopicInvalid, check_draft
from paperround.topics.model.match import TopicQuery
from paperround.topics.reader_topics import TopicNotFound
from paperround.topics.tables import Topic

from support.factories import add_reader, feed_record, store_listing, utc

ONE, TWO, THREE = (f"2603.0000{n}" for n in (1, 2, 3))
NOON = utc("2026-03-02 12:00")
SCALING = TopicDraft(words="efficient scaling of language model training")


@pytest.fixture
async def papers(database: Database) -> Database:
    await store_listing(database, "2026-03-02", *(feed_record(paper_id) for paper_id in (ONE, TWO, THREE)))
    return database


@pytest.fixture
async def ada(papers: Database) -> int:
    return (await add_reader(papers, "ada@example.org")).id


@pytest.fixture
async def cyn(papers: Database) -> int:
    return (await add_reader(papers, "cyn@example.org")).id


async def create(database: Database, who: int, wish: TopicDraft = SCALING) -> Topic:
    async with database.write_session() as session:
        return await reader_topics.create_topic(session, who, wish, now=NOON)


async def topic(database: Database, who: int, topic_id: int) -> Topic:
    async with database.read_session() as session:
        return await reader_topics.get_topic(session, who, topic_id)


async def wanted(database: Database, topic_id: int) -> TopicQuery:
    async with database.read_session() as session:
        return (await queries.load_topic_queries(session, [topic_id]))[topic_id]


async def names(database: Database, who: int) -> list[str]:
    async with database.read_session() as session:
        return [topic.name for topic in await reader_topics.list_topics(session, who)]


async def do(
    database: Database, who: int, topic_id: int, what: Callable[..., Any], *rest: Any, **more: Any
) -> Any:
    """One thing with a topic of the reader's, in a transaction of its own."""
    async with database.write_session() as session:
        return await what(session, await reader_topics.get_topic(session, who, topic_id), *rest, **more)


# What a topic says


async def test_a_topic_is_kept_as_it_was_put(papers: Database, ada: int) -> None:
    wish = TopicDraft(
        "Rivers", "how meaning flows", (ONE, TWO), ("river",), ("ocean",), ("Ada Lindqvist",), 7
    )
    made = await create(papers, ada, wish)
    kept = await topic(papers, ada, made.id)
    assert reader_topics.draft_of(kept) == wish
    assert await wanted(papers, made.id) == wish.to_query
    assert (kept.paused, kept.changed_at) == (False, NOON)


@pytest.mark.parametrize(
    ("wish", "name"),
    [
        (SCALING, "efficient scaling of language model training"),
        (TopicDraft(words="word " * 30), ("word " * 12).strip() + "…"),
        (TopicDraft(words="w" * 100), "w" * 60 + "…"),
        (TopicDraft(examples=(ONE,)), f"Like {ONE}"),
        (TopicDraft(authors=("Ada Lindqvist",)), "By Ada Lindqvist"),
        (TopicDraft(name=" My \n own ", words="x"), "My own"),
    ],
)
def test_a_topic_without_a_name_is_called_by_what_it_says(wish: TopicDraft, name: str) -> None:
    assert check_draft(wish).name == name


@pytest.mark.parametrize(
    ("wish", "told"),
    [
        (TopicDraft(), "Say what it is about"),
        (TopicDraft(name="A name alone", must=("river",)), "Say what it is about"),
        (TopicDraft(words="x" * 1001), "1,001 characters of at most 1,000"),
        (TopicDraft(words="x", name="n" * 101), "The name is too long"),
        (TopicDraft(words="x", must=tuple(f"m{n}" for n in range(21))), "At most 20 of a kind"),
        (TopicDraft(words="x", must_not=("m" * 101,)), "too long"),
        (TopicDraft(words="x", authors=tuple(f"a{n}" for n in range(21))), "At most 20"),
        (TopicDraft(examples=tuple(f"2603.{n:05}" for n in range(201))), "At most 200 example papers"),
        (TopicDraft(words="x", daily=0), "From 1 to 50"),
        (TopicDraft(words="x", daily=51), "From 1 to 50"),
    ],
)
def test_what_a_topic_may_not_be_is_said(wish: TopicDraft, told: str) -> None:
    with pytest.raises(TopicInvalid, match=told):
        check_draft(wish)


texts = st.text(max_size=40)


@given(
    st.builds(
        TopicDraft,
        name=texts,
        words=texts,
        must=st.lists(texts, max_size=4).map(tuple),
        authors=st.lists(texts, max_size=4).map(tuple),
    )
)
def test_any_wish_is_tidied_or_refused_and_tidying_twice_changes_nothing(wish: TopicDraft) -> None:
    try:
        tidy = check_draft(wish)
    except TopicInvalid:
        return
    assert tidy.name
    assert all(rule and rule == rule.strip() for rule in (*tidy.must, *tidy.authors))
    assert len(set(tidy.must)) == len(tidy.must)
    assert check_draft(tidy) == tidy


async def test_an_example_that_is_not_here_is_named(papers: Database, ada: int) -> None:
    with pytest.raises(TopicInvalid, match="Not in the catalogue"):
        await create(papers, ada, TopicDraft(examples=(ONE, "2603.99999")))


async def test_a_change_replaces_what_it_says_and_keeps_what_was_rated(papers: Database, ada: int) -> None:
    made = await create(papers, ada, TopicDraft("Rivers", "rivers", (ONE, TWO)))
    await do(papers, ada, made.id, ratings.rate_paper, THREE, -1, now=NOON)
    later = NOON + timedelta(hours=1)
    await do(
        papers,
        ada,
        made.id,
        reader_topics.change_topic,
        TopicDraft("Oceans", "oceans", (TWO, THREE)),
        now=later,
    )
    kept = await topic(papers, ada, made.id)
    assert (kept.name, {example.paper_id for example in kept.examples}) == ("Oceans", {TWO, THREE})
    assert ((await wanted(papers, made.id)).disliked, kept.changed_at) == ((THREE,), later)


async def test_a_removed_paper_is_no_example_and_no_rating_any_more(papers: Database, ada: int) -> None:
    made = await create(papers, ada, TopicDraft("Rivers", "rivers", (ONE, TWO)))
    await do(papers, ada, made.id, ratings.rate_paper, ONE, 1, now=NOON)
    async with papers.write_session() as session:
        await removal.remove_paper(session, ONE, now=NOON)
    assert await wanted(papers, made.id) == replace(SCALING, words="rivers", examples=(TWO,)).to_query


# Whose topic it is


async def test_anothers_topic_is_as_if_it_were_not_there(papers: Database, ada: int, cyn: int) -> None:
    made = await create(papers, ada)
    for asked in (made.id, made.id + 1):
        with pytest.raises(TopicNotFound, match="There is no such topic"):
            await topic(papers, cyn, asked)
        with pytest.raises(TopicNotFound, match="There is no such topic"):
            async with papers.write_session() as session:
                await reader_topics.move_topic(session, cyn, asked, position=0)
    assert await names(papers, cyn) == []


async def test_a_hundred_topics_and_no_more_even_from_two_at_once(
    papers: Database, ada: int, cyn: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_topics, "MAX_TOPICS", 3)
    results = await asyncio.gather(*(create(papers, ada) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(result, TopicInvalid) for result in results) == 2
    await create(papers, cyn)


async def test_a_deleted_topic_is_gone(papers: Database, ada: int) -> None:
    made = await create(papers, ada, TopicDraft("Rivers", "rivers", (ONE,)))
    await do(papers, ada, made.id, ratings.rate_paper, TWO, 1, now=NOON)
    await do(papers, ada, made.id, reader_topics.delete_topic)
    assert await names(papers, ada) == []


async def test_pausing_changes_nothing_else(papers: Database, ada: int) -> None:
    made = await create(papers, ada)
    await do(papers, ada, made.id, reader_topics.set_paused, True)
    kept = await topic(papers, ada, made.id)
    assert (kept.paused, kept.changed_at) == (True, NOON)


# Their order


@pytest.mark.parametrize(
    ("moved", "to", "order"),
    [(2, 0, "CAB"), (0, 1, "BAC"), (0, 9, "BCA"), (1, -5, "BAC"), (1, 1, "ABC")],
)
async def test_topics_are_put_in_any_order(
    papers: Database, ada: int, moved: int, to: int, order: str
) -> None:
    made = [await create(papers, ada, replace(SCALING, name=name)) for name in "ABC"]
    async with papers.write_session() as session:
        await reader_topics.move_topic(session, ada, made[moved].id, position=to)
    assert "".join(await names(papers, ada)) == order
    await create(papers, ada, replace(SCALING, name="D"))
    assert "".join(await names(papers, ada)) == f"{order}D"


async def test_moves_at_once_leave_a_whole_order(papers: Database, ada: int) -> None:
    made = [await create(papers, ada, replace(SCALING, name=name)) for name in "ABCD"]

    async def move(place: int) -> None:
        async with papers.write_session() as session:
            await reader_topics.move_topic(session, ada, made[place].id, position=0)

    await asyncio.gather(*(move(place) for place in (1, 2, 3)))
    async with papers.read_session() as session:
        positions = [one.position for one in await reader_topics.list_topics(session, ada)]
    assert positions == [1, 2, 3, 4]
    assert sorted(await names(papers, ada)) == list("ABCD")


# Ratings


async def test_the_last_rating_counts_and_can_be_taken_back(papers: Database, ada: int) -> None:
    made = await create(papers, ada)
    for minutes, (paper_id, value) in enumerate([(ONE, 1), (TWO, 1), (ONE, -1), (THREE, 1)], 1):
        await do(
            papers, ada, made.id, ratings.rate_paper, paper_id, value, now=NOON + timedelta(minutes=minutes)
        )
    rated = await wanted(papers, made.id)
    assert (rated.liked, rated.disliked) == ((TWO, THREE), (ONE,))
    await do(papers, ada, made.id, ratings.remove_rating, ONE, now=NOON + timedelta(hours=1))
    assert (await wanted(papers, made.id)).disliked == ()
    assert (await topic(papers, ada, made.id)).changed_at == NOON + timedelta(hours=1)


async def test_two_ratings_of_one_paper_at_once_are_one(papers: Database, ada: int) -> None:
    made = await create(papers, ada)
    rate = ratings.rate_paper
    await asyncio.gather(*(do(papers, ada, made.id, rate, ONE, value, now=NOON) for value in (1, -1, 1, -1)))
    assert len((await topic(papers, ada, made.id)).ratings) == 1


@pytest.mark.parametrize(
    ("paper_id", "value", "told"),
    [(ONE, 0, "1 .more. or -1"), (ONE, 2, "1 .more. or -1"), ("2603.99999", 1, "Not in")],
)
async def test_what_is_no_rating_is_refused(
    papers: Database, ada: int, paper_id: str, value: int, told: str
) -> None:
    made = await create(papers, ada)
    with pytest.raises(TopicInvalid, match=told):
        await do(papers, ada, made.id, ratings.rate_paper, paper_id, value, now=NOON)


# Keys of feeds


async def test_a_feeds_key_opens_its_topic_until_there_is_a_new_one(papers: Database, ada: int) -> None:
    made, other = await create(papers, ada), await create(papers, ada)
    first = await do(papers, ada, made.id, reader_topics.renew_feed_key)
    second = await do(papers, ada, made.id, reader_topics.renew_feed_key)
    async with papers.read_session() as session:
        assert (await reader_topics.get_topic_by_feed_key(session, made.id, second)).id == made.id
        for topic_id, key in ((made.id, first), (other.id, second), (made.id, ""), (made.id, "x" * 300)):
            with pytest.raises(TopicNotFound, match="no such feed"):
                await reader_topics.get_topic_by_feed_key(session, topic_id, key)


# Seeds


def test_ids_and_addresses_are_read_from_a_text() -> None:
    given = f"{ONE}, https://arxiv.org/abs/{TWO}v2\narXiv: {THREE}; nonsense {ONE}"
    assert seeds.parse_ids(given) == ([ONE, TWO, THREE], ["nonsense"])
    assert seeds.parse_ids(" ,;\n") == ([], [])


@given(st.text(max_size=300))
def test_any_text_names_ids_or_none(text: str) -> None:
    found = seeds.parse_ids(text)
    assert len(set(found.ids)) == len(found.ids)


async def test_a_library_is_found_by_id_doi_and_title(database: Database) -> None:
    await store_listing(
        database,
        "2026-03-02",
        feed_record(ONE, paper__title="Rivers of Meaning", title="Rivers of Meaning"),
        feed_record(
            TWO, paper__title="Schrödinger's Patience: A Study", title="Schrödinger's Patience: A Study"
        ),
        feed_record(THREE),
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
    async with database.read_session() as session:
        found = await seeds.resolve_references(session, library)
    assert found.paper_ids == [THREE, TWO, ONE]
    assert found.missing == ["2603.99999", "10.1000/y", "Rivers", "of the", "' | ! & \\ (:*"]


async def test_a_published_paper_is_found_by_its_doi_before_its_title(database: Database) -> None:
    await store_listing(
        database,
        "2026-03-02",
        feed_record(ONE),
        feed_record(TWO),
        feed_record(THREE, title="Rivers", paper__title="Rivers"),
    )
    async with database.write_session() as session:
        for paper_id in (TWO, ONE):
            (await session.get_one(Paper, paper_id)).doi = "10.1000/one"
    library = [
        Reference(THREE, "10.1000/one", ""),
        Reference("2603.99999", "10.1000/one", "Rivers"),
        Reference("", "10.1000/none", "Rivers"),
        Reference("", "10.1000/none", ""),
    ]
    async with database.read_session() as session:
        found = await seeds.resolve_references(session, library)
    assert (found.paper_ids, found.missing) == ([THREE, ONE], ["10.1000/none"])
    assert found.unfound == library[-1:]
