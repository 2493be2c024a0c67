"""Readers' own votes: one each, counted in heat and in the order of lists like the feed's, and taken back."""

from __future__ import annotations

import asyncio
import math
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from paperround.accounts import readers
from paperround.accounts.tables import Reader
from paperround.database import Database
from paperround.papers import editions, removal, votes
from paperround.papers import half_life as papers_half_life
from paperround.papers.editions import Choice, Sort
from paperround.papers.heat import Votes, heat
from paperround.papers.tables import Listing, Paper, Signal, Upvote

from support.factories import HALF_LIFE, at, item, listed, reader

ID, OTHER = "2603.00001", "2603.00002"
NOON = at("2026-03-02 12:00")


async def the_paper(database: Database, paper_id: str = ID) -> Paper:
    async with database.reading() as session:
        return await session.get_one(Paper, paper_id)


async def vote(database: Database, who: Reader, paper_id: str = ID, hours: float = 1) -> bool:
    async with database.writing() as session:
        now = NOON + timedelta(hours=hours)
        return await votes.upvote(session, who.id, paper_id, now=now, half_life=HALF_LIFE)


async def take_back(database: Database, who: Reader, paper_id: str = ID) -> bool:
    async with database.writing() as session:
        return await votes.take_back(session, who.id, paper_id, half_life=HALF_LIFE)


async def expected(database: Database, half_life: timedelta = HALF_LIFE, paper_id: str = ID) -> float:
    async with database.reading() as session:
        paper = await session.get_one(Paper, paper_id)
        rows = await session.scalars(select(Signal).where(Signal.paper_id == paper_id).order_by(Signal.at))
        feeds = [Votes(row.at, row.upvotes) for row in rows]
        local = [
            Votes(when, 1)
            for when in await session.scalars(select(Upvote.at).where(Upvote.paper_id == paper_id))
        ]
    return heat(feeds, local, listed_on=paper.listed_on, half_life=half_life)


moments = st.lists(st.timedeltas(timedelta(0), timedelta(days=30)), min_size=1, max_size=8)


@given(moments, st.randoms(use_true_random=False))
def test_the_order_of_readers_votes_does_not_matter(waits, dice):
    local = [Votes(NOON + wait, 1) for wait in waits]
    mixed = local[:]
    dice.shuffle(mixed)
    rules = {"listed_on": NOON.date(), "half_life": HALF_LIFE}
    assert math.isclose(heat([], local, **rules), heat([], mixed, **rules), abs_tol=1e-9)
    assert heat([], local, **rules) > heat([], local[1:], **rules)


@given(st.integers(1, 40), st.timedeltas(timedelta(0), timedelta(days=9)))
def test_a_readers_vote_weighs_what_one_on_the_feed_weighs_at_that_time(number, wait):
    """The feed's first votes count at the listing time; a rise seen later counts when it was seen."""
    then = NOON + wait
    rules = {"listed_on": NOON.date(), "half_life": HALF_LIFE}
    risen = [Votes(NOON, number), Votes(then, number + 1)]
    assert math.isclose(
        heat(risen, **rules), heat([Votes(NOON, number)], [Votes(then, 1)], **rules), abs_tol=1e-9
    )


async def test_a_vote_counts_once_and_in_heat(database):
    ada = await reader(database, "ada@example.org")
    await listed(database, "2026-03-02", item())
    before = await the_paper(database)
    assert await vote(database, ada)
    assert not await vote(database, ada, hours=5)
    paper = await the_paper(database)
    assert (paper.upvotes, paper.local_upvotes, paper.votes) == (7, 1, 8)
    assert paper.heat == await expected(database) > before.heat


async def test_a_vote_for_a_paper_that_is_not_here_counts_nowhere(database):
    ada = await reader(database, "ada@example.org")
    assert not await vote(database, ada, "2603.99999")


async def test_taking_a_vote_back_restores_heat_exactly(database):
    ada, ben = await reader(database, "ada@example.org"), await reader(database, "ben@example.org")
    await listed(database, "2026-03-02", item())
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
async def test_whatever_happens_the_stored_heat_is_that_of_the_votes_that_stand(database, steps):
    people = [await reader(database, f"{name}@example.org") for name in ("ada", "ben", "cyn")]
    await listed(database, "2026-03-02", item())
    seen = int((await the_paper(database)).seen_at.timestamp())
    for place, (what, number) in enumerate(steps, 1):
        if what == "vote":
            await vote(database, people[number], hours=place)
        elif what == "back":
            await take_back(database, people[number])
        else:
            when = at("2026-03-02 12:00") + timedelta(
                seconds=seen - at("2026-03-02 12:00").timestamp() + place
            )
            await listed(database, "2026-03-02", item(paper__upvotes=number), seen_at=when)
    paper = await the_paper(database)
    async with database.reading() as session:
        count = await session.scalar(select(func.count()).select_from(Upvote))
    assert paper.local_upvotes == count
    assert math.isclose(paper.heat, await expected(database), abs_tol=1e-9)


async def test_another_half_life_recomputes_readers_votes_too(database):
    ada = await reader(database, "ada@example.org")
    await listed(database, "2026-03-02", item())
    await vote(database, ada, hours=40)
    longer = timedelta(hours=72)
    async with database.writing() as session:
        assert await papers_half_life.adopt_half_life(session, longer) == 1
    assert math.isclose((await the_paper(database)).heat, await expected(database, longer), abs_tol=1e-9)


async def test_many_at_once_lose_no_vote(database):
    people = [await reader(database, f"reader{n}@example.org") for n in range(8)]
    await listed(database, "2026-03-02", item())
    taken_in = listed(database, "2026-03-02", item(paper__upvotes=9), seen_at=at("2026-03-02 14:00"))
    twice = [vote(database, who, hours=n) for n, who in enumerate([*people, *people])]
    results = await asyncio.gather(*twice, taken_in)
    assert sum(result is True for result in results) == len(people)
    paper = await the_paper(database)
    assert (paper.upvotes, paper.local_upvotes) == (9, 8)
    assert math.isclose(paper.heat, await expected(database), abs_tol=1e-9)


async def test_votes_here_order_an_edition_and_trending(database):
    ada = await reader(database, "ada@example.org")
    await listed(database, "2026-03-02", item(ID), item(OTHER, paper__upvotes=8))
    await vote(database, ada, ID)
    await vote(database, await reader(database, "ben@example.org"), ID)
    async with database.reading() as session:
        for sort in (Sort.upvotes, Sort.trending):
            first = await editions.papers(session, Choice(), sort=sort, limit=1)
            second = await editions.papers(session, Choice(), sort=sort, limit=1, after=first.more)
            assert [paper.id for paper in (*first.papers, *second.papers)] == [ID, OTHER]


async def test_a_reader_who_leaves_takes_their_votes_along(database):
    ada, ben = await reader(database, "ada@example.org"), await reader(database, "ben@example.org")
    await listed(database, "2026-03-02", item(ID), item(OTHER))
    for who, paper_id in ((ada, ID), (ada, OTHER), (ben, ID)):
        await vote(database, who, paper_id)
    async with database.writing() as session:
        await votes.take_back_all(session, ada.id, half_life=HALF_LIFE)
    for paper_id, left in ((ID, 1), (OTHER, 0)):
        paper = await the_paper(database, paper_id)
        assert paper.local_upvotes == left
        assert paper.heat == await expected(database, paper_id=paper_id)


async def test_what_one_voted_for_is_told_to_them_alone(database):
    ada, cyn = await reader(database, "ada@example.org"), await reader(database, "cyn@example.org")
    await listed(database, "2026-03-02", item(ID), item(OTHER))
    await vote(database, ada, ID)
    async with database.reading() as session:
        assert await votes.upvoted(session, ada.id, [ID, OTHER]) == {ID}
        assert await votes.upvoted(session, cyn.id, [ID, OTHER]) == frozenset()


# What the operator removes


async def test_a_removed_paper_is_gone_with_its_votes_and_no_feed_brings_it_back(database):
    ada = await reader(database, "ada@example.org")
    await listed(database, "2026-03-02", item(ID), item(OTHER))
    await vote(database, ada, ID)
    async with database.writing() as session:
        assert await removal.remove(session, ID, now=NOON)
    for day in ("2026-03-02", "2026-03-03"):
        stored = await listed(database, day, item(ID), item(OTHER))
        assert ID not in stored.listed
    async with database.reading() as session:
        assert set(await session.scalars(select(Paper.id))) == {OTHER}
        assert set(await session.scalars(select(Listing.paper_id))) == {OTHER}
        assert await removal.is_removed(session, ID)


@pytest.mark.parametrize("known", [True, False])
async def test_it_comes_with_the_next_reading_once_it_is_let_back(database, known):
    if known:
        await listed(database, "2026-03-02", item(ID))
    async with database.writing() as session:
        assert await removal.remove(session, ID, now=NOON) is known
        assert not await removal.remove(session, ID, now=NOON)
    async with database.writing() as session:
        assert await removal.let_back(session, ID)
        assert not await removal.let_back(session, ID)
    await listed(database, "2026-03-02", item(ID))
    assert (await the_paper(database)).votes == 7


async def test_a_reader_who_leaves_while_they_vote_leaves_no_vote_behind(database):
    await listed(database, "2026-03-02", item(ID), item(OTHER))
    for round_ in range(6):
        ada = await reader(database, f"ada{round_}@example.org")
        await vote(database, ada, ID)

        async def leave(who: int = ada.id) -> None:
            async with database.writing() as session:
                await readers.leave(session, who, half_life=HALF_LIFE)

        await asyncio.gather(leave(), vote(database, ada, OTHER), vote(database, ada, ID))
    for paper_id in (ID, OTHER):
        paper = await the_paper(database, paper_id)
        assert paper.local_upvotes == 0
        assert paper.heat == await expected(database, paper_id=paper_id)
