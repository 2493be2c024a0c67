"""Readers' votes: at most one per paper, counted like the feed's in heat and lists, and removable."""

from __future__ import annotations

import asyncio
import math
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from paperround.accounts import readers
from paperround.accounts.tables import Reader
from paperround.database import Database
from paperround.papers import editions, removal, votes
from paperround.papers import half_life as papers_half_life
from paperround.papers.edition_query import EditionQuery
from paperround.papers.editions import Sort
from paperround.papers.heat import VoteCount, heat
from paperround.papers.tables import Listing, Paper, Signal, Upvote
from paperround.reads import answer

from support.factories import HALF_LIFE, add_reader, feed_record, store_listing, utc

ID, OTHER = "2603.00001", "2603.00002"
NOON = utc("2026-03-02 12:00")


async def the_paper(database: Database, paper_id: str = ID) -> Paper:
    async with database.read_session() as session:
        return await session.get_one(Paper, paper_id)


async def vote(database: Database, who: Reader, paper_id: str = ID, hours: float = 1) -> bool:
    async with database.write_session() as session:
        now = NOON + timedelta(hours=hours)
        return await votes.add_upvote(session, who.id, paper_id, now=now, half_life=HALF_LIFE)


async def take_back(database: Database, who: Reader, paper_id: str = ID) -> bool:
    async with database.write_session() as session:
        return await votes.remove_upvote(session, who.id, paper_id, half_life=HALF_LIFE)


async def expected(database: Database, half_life: timedelta = HALF_LIFE, paper_id: str = ID) -> float:
    async with database.read_session() as session:
        paper = await session.get_one(Paper, paper_id)
        rows = await session.scalars(select(Signal).where(Signal.paper_id == paper_id).order_by(Signal.at))
        feeds = [VoteCount(row.at, row.upvotes) for row in rows]
        local = [
            VoteCount(when, 1)
            for when in await session.scalars(select(Upvote.at).where(Upvote.paper_id == paper_id))
        ]
    return heat(feeds, local, listed_on=paper.listed_on, half_life=half_life)


moments = st.lists(st.timedeltas(timedelta(0), timedelta(days=30)), min_size=1, max_size=8)


@given(moments, st.randoms(use_true_random=False))
def test_the_order_of_readers_votes_does_not_matter(waits: list[timedelta], dice: Any) -> None:
    local = [VoteCount(NOON + wait, 1) for wait in waits]
    mixed = local[:]
    dice.shuffle(mixed)
    rules: dict[str, Any] = {"listed_on": NOON.date(), "half_life": HALF_LIFE}
    assert math.isclose(heat([], local, **rules), heat([], mixed, **rules), abs_tol=1e-9)
    assert heat([], local, **rules) > heat([], local[1:], **rules)


@given(st.integers(1, 40), st.timedeltas(timedelta(0), timedelta(days=9)))
def test_a_readers_vote_weighs_the_same_as_a_feeds_vote_at_that_time(number: int, wait: timedelta) -> None:
    """The feed's first votes count at the listing time, and a later rise at the time of its reading."""
    then = NOON + wait
    rules: dict[str, Any] = {"listed_on": NOON.date(), "half_life": HALF_LIFE}
    risen = [VoteCount(NOON, number), VoteCount(then, number + 1)]
    assert math.isclose(
        heat(risen, **rules), heat([VoteCount(NOON, number)], [VoteCount(then, 1)], **rules), abs_tol=1e-9
    )


async def test_a_vote_counts_once_and_in_heat(database: Database) -> None:
    ada = await add_reader(database, "ada@example.org")
    await store_listing(database, "2026-03-02", feed_record())
    before = await the_paper(database)
    assert await vote(database, ada)
    assert not await vote(database, ada, hours=5)
    paper = await the_paper(database)
    assert (paper.upvotes, paper.local_upvotes, paper.votes) == (7, 1, 8)
    assert paper.heat == await expected(database) > before.heat


async def test_a_vote_for_an_unknown_paper_is_not_counted(database: Database) -> None:
    ada = await add_reader(database, "ada@example.org")
    assert not await vote(database, ada, "2603.99999")


async def test_removing_a_vote_restores_the_heat_exactly(database: Database) -> None:
    ada, ben = await add_reader(database, "ada@example.org"), await add_reader(database, "ben@example.org")
    await store_listing(database, "2026-03-02", feed_record())
    await vote(database, ben)
    before = await the_paper(database)
    await vote(database, ada, hours=30)
    assert await take_back(database, ada)
    assert not await take_back(database, ada)
    after = await the_paper(database)
    assert (after.heat, after.votes) == (before.heat, before.votes)


@settings(max_examples=15)
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("vote"), st.integers(0, 2)),
            st.tuples(st.just("back"), st.integers(0, 2)),
            st.tuples(st.just("read"), st.integers(0, 30)),
        ),
        max_size=10,
    )
)
async def test_the_stored_heat_is_always_that_of_the_remaining_votes(
    database: Database, steps: list[tuple[str, int]]
) -> None:
    people = [await add_reader(database, f"{name}@example.org") for name in ("ada", "ben", "cyn")]
    await store_listing(database, "2026-03-02", feed_record())
    seen = int((await the_paper(database)).seen_at.timestamp())
    for place, (what, number) in enumerate(steps, 1):
        if what == "vote":
            await vote(database, people[number], hours=place)
        elif what == "back":
            await take_back(database, people[number])
        else:
            when = utc("2026-03-02 12:00") + timedelta(
                seconds=seen - utc("2026-03-02 12:00").timestamp() + place
            )
            await store_listing(database, "2026-03-02", feed_record(paper__upvotes=number), seen_at=when)
    paper = await the_paper(database)
    async with database.read_session() as session:
        count = await session.scalar(select(func.count()).select_from(Upvote))
    assert paper.local_upvotes == count
    assert math.isclose(paper.heat, await expected(database), abs_tol=1e-9)


async def test_another_half_life_recomputes_readers_votes_too(database: Database) -> None:
    ada = await add_reader(database, "ada@example.org")
    await store_listing(database, "2026-03-02", feed_record())
    await vote(database, ada, hours=40)
    longer = timedelta(hours=72)
    async with database.write_session() as session:
        assert await papers_half_life.adopt_half_life(session, longer) == 1
    assert math.isclose((await the_paper(database)).heat, await expected(database, longer), abs_tol=1e-9)


async def test_concurrent_voters_lose_no_vote(database: Database) -> None:
    people = [await add_reader(database, f"reader{n}@example.org") for n in range(8)]
    await store_listing(database, "2026-03-02", feed_record())
    taken_in = store_listing(
        database, "2026-03-02", feed_record(paper__upvotes=9), seen_at=utc("2026-03-02 14:00")
    )
    twice = [vote(database, who, hours=n) for n, who in enumerate([*people, *people])]
    results = await asyncio.gather(*twice, taken_in)
    assert sum(result is True for result in results) == len(people)
    paper = await the_paper(database)
    assert (paper.upvotes, paper.local_upvotes) == (9, 8)
    assert math.isclose(paper.heat, await expected(database), abs_tol=1e-9)


async def test_local_votes_count_in_the_order_of_editions_and_trending(database: Database) -> None:
    ada = await add_reader(database, "ada@example.org")
    await store_listing(database, "2026-03-02", feed_record(ID), feed_record(OTHER, paper__upvotes=8))
    await vote(database, ada, ID)
    await vote(database, await add_reader(database, "ben@example.org"), ID)
    async with database.read_session() as session:
        for sort in (Sort.upvotes, Sort.trending):
            first = await editions.list_papers(session, EditionQuery(), sort=sort, limit=1)
            second = await editions.list_papers(
                session, EditionQuery(), sort=sort, limit=1, after=first.next_position
            )
            assert [paper.id for paper in (*first.papers, *second.papers)] == [ID, OTHER]


async def test_the_votes_of_a_reader_who_leaves_are_removed(database: Database) -> None:
    ada, ben = await add_reader(database, "ada@example.org"), await add_reader(database, "ben@example.org")
    await store_listing(database, "2026-03-02", feed_record(ID), feed_record(OTHER))
    for who, paper_id in ((ada, ID), (ada, OTHER), (ben, ID)):
        await vote(database, who, paper_id)
    async with database.write_session() as session:
        await votes.remove_all_upvotes(session, ada.id, half_life=HALF_LIFE)
    for paper_id, left in ((ID, 1), (OTHER, 0)):
        paper = await the_paper(database, paper_id)
        assert paper.local_upvotes == left
        assert paper.heat == await expected(database, paper_id=paper_id)


async def test_upvoted_papers_are_those_of_the_reader_only(database: Database) -> None:
    ada, cyn = await add_reader(database, "ada@example.org"), await add_reader(database, "cyn@example.org")
    await store_listing(database, "2026-03-02", feed_record(ID), feed_record(OTHER))
    await vote(database, ada, ID)
    async with database.read_session() as session:
        assert await answer(session, lambda trip: votes.ask_upvoted_ids(trip, ada.id, [ID, OTHER])) == {ID}
        nothing = await answer(session, lambda trip: votes.ask_upvoted_ids(trip, cyn.id, [ID, OTHER]))
        assert nothing == frozenset()


# What the operator removes


async def test_a_removed_paper_loses_its_votes_and_no_feed_adds_it_again(database: Database) -> None:
    ada = await add_reader(database, "ada@example.org")
    await store_listing(database, "2026-03-02", feed_record(ID), feed_record(OTHER))
    await vote(database, ada, ID)
    async with database.write_session() as session:
        assert await removal.remove_paper(session, ID, now=NOON)
    for day in ("2026-03-02", "2026-03-03"):
        stored = await store_listing(database, day, feed_record(ID), feed_record(OTHER))
        assert ID not in stored.listed_ids
    async with database.read_session() as session:
        assert set(await session.scalars(select(Paper.id))) == {OTHER}
        assert set(await session.scalars(select(Listing.paper_id))) == {OTHER}
        assert await removal.is_removed(session, ID)


@pytest.mark.parametrize("known", [True, False])
async def test_a_readmitted_paper_is_added_by_the_next_reading(database: Database, known: bool) -> None:
    if known:
        await store_listing(database, "2026-03-02", feed_record(ID))
    async with database.write_session() as session:
        assert await removal.remove_paper(session, ID, now=NOON) is known
        assert not await removal.remove_paper(session, ID, now=NOON)
    async with database.write_session() as session:
        assert await removal.readmit_paper(session, ID)
        assert not await removal.readmit_paper(session, ID)
    await store_listing(database, "2026-03-02", feed_record(ID))
    assert (await the_paper(database)).votes == 7


async def test_a_reader_who_leaves_while_voting_leaves_no_vote(database: Database) -> None:
    await store_listing(database, "2026-03-02", feed_record(ID), feed_record(OTHER))
    for round_ in range(6):
        ada = await add_reader(database, f"ada{round_}@example.org")
        await vote(database, ada, ID)

        async def leave(who: int = ada.id) -> None:
            async with database.write_session() as session:
                await readers.delete_reader(session, who, half_life=HALF_LIFE)

        await asyncio.gather(leave(), vote(database, ada, OTHER), vote(database, ada, ID))
    for paper_id in (ID, OTHER):
        paper = await the_paper(database, paper_id)
        assert paper.local_upvotes == 0
        assert paper.heat == await expected(database, paper_id=paper_id)
