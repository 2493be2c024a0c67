"""How votes moved of late."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import event, select

from paperround.database import Database
from paperround.papers import votes
from paperround.papers.tables import Paper
from paperround.papers.vote_history import Movement, movements

from support.factories import HALF_LIFE, at, item, listed, reader

NOW = at("2026-03-10 12:00")


async def seen(database: Database, *readings: tuple[str, int], paper_id: str = "2603.00001") -> None:
    """Readings of one day's list: when, and how many votes the paper had."""
    for when, number in readings:
        await listed(database, "2026-03-02", item(paper_id, paper__upvotes=number), seen_at=at(when))


async def moved(database: Database) -> dict[str, Movement]:
    async with database.reading() as session:
        papers = (await session.scalars(select(Paper).order_by(Paper.id))).all()
        return await movements(session, papers, now=NOW)


async def test_the_votes_of_today_are_those_of_the_last_24_hours(database):
    await seen(
        database,
        ("2026-03-02 10:00", 3),
        ("2026-03-09 11:59", 8),
        ("2026-03-09 12:00", 9),
        ("2026-03-10 11:00", 20),
    )

    assert (await moved(database))["2603.00001"].today == 12


@pytest.mark.parametrize(
    ("day", "votes"), [("2026-03-10", 7), ("2026-03-09", 0)], ids=["listed today", "listed yesterday"]
)
async def test_the_first_votes_count_at_the_listing_as_in_heat(database, day, votes):
    await listed(database, day, item(paper__upvotes=7), seen_at=at("2026-03-10 11:00"))

    assert (await moved(database))["2603.00001"].today == votes


async def test_votes_that_were_taken_back_are_no_negative_number(database):
    await seen(database, ("2026-03-02 10:00", 9), ("2026-03-10 11:00", 4))

    assert (await moved(database))["2603.00001"].today == 0


async def test_a_step_keeps_its_last_number_and_what_came_before_the_window_stands_at_its_start(database):
    await seen(
        database,
        ("2026-03-02 10:00", 1),
        ("2026-03-02 20:00", 2),
        ("2026-03-09 13:00", 5),
        ("2026-03-09 14:59", 6),
        ("2026-03-09 15:00", 7),
    )
    movement = (await moved(database))["2603.00001"]

    assert movement.first_seen_at == at("2026-03-02 10:00")
    assert [tuple(step) for step in movement.steps] == [
        (at("2026-03-03 12:00"), 2),
        (at("2026-03-09 14:59"), 6),
        (at("2026-03-09 15:00"), 7),
        (NOW, 7),
    ]


async def test_readers_own_votes_count_on_the_day_they_are_given(database):
    await seen(database, ("2026-03-02 10:00", 3), ("2026-03-10 11:00", 5))
    for email, when in [("ada@example.org", "2026-03-09 11:00"), ("ben@example.org", "2026-03-10 11:00")]:
        person = await reader(database, email)
        async with database.writing() as session:
            await votes.upvote(session, person.id, "2603.00001", now=at(when), half_life=HALF_LIFE)

    assert (await moved(database))["2603.00001"].today == 2 + 1


async def test_what_comes_later_than_now_has_not_been_seen(database):
    await seen(database, ("2026-03-10 11:00", 4), ("2026-03-10 13:00", 40))

    assert [step.number for step in (await moved(database))["2603.00001"].steps] == [4, 4]


async def test_a_whole_list_is_few_queries_and_few_rows(database):
    for number in range(3):
        readings = [
            (f"{at('2026-03-02 10:00') + timedelta(minutes=10 * step):%Y-%m-%d %H:%M}", step)
            for step in range(60)
        ]
        await seen(database, *readings, paper_id=f"2603.0000{number}")
    asked: list[str] = []
    event.listen(database.engine.sync_engine, "before_cursor_execute", lambda *a: asked.append(a[2]))
    found = await moved(database)

    assert len([sql for sql in asked if "signals" in sql]) == 1
    assert {key: len(movement.steps) for key, movement in found.items()} == dict.fromkeys(found, 2)


async def test_no_papers_are_no_query_s_worth(database):
    assert await moved(database) == {}
