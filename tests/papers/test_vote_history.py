"""The recent vote history of papers."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from paperround.database import Database
from paperround.papers import editions, votes
from paperround.papers.tables import Paper
from paperround.papers.vote_history import VoteHistory, ask_vote_histories
from paperround.reads import answer

from support.factories import HALF_LIFE, add_reader, feed_record, store_listing, utc
from support.statements import sent_statements

NOW = utc("2026-03-10 12:00")


async def seen(database: Database, *readings: tuple[str, int], paper_id: str = "2603.00001") -> None:
    """Stores readings of one day's list, each with its time and the votes of the paper."""
    for when, number in readings:
        await store_listing(
            database, "2026-03-02", feed_record(paper_id, paper__upvotes=number), seen_at=utc(when)
        )


async def moved(database: Database) -> dict[str, VoteHistory]:
    async with database.read_session() as session:
        ids = (await session.scalars(select(Paper.id).order_by(Paper.id))).all()
        papers = [*(await editions.load_papers(session, ids)).values()]
        return await answer(session, lambda trip: ask_vote_histories(trip, papers, now=NOW))


async def test_the_votes_of_today_are_those_of_the_last_24_hours(database: Database) -> None:
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
async def test_the_first_votes_count_at_the_listing_as_in_heat(
    database: Database, day: str, votes: int
) -> None:
    await store_listing(database, day, feed_record(paper__upvotes=7), seen_at=utc("2026-03-10 11:00"))

    assert (await moved(database))["2603.00001"].today == votes


async def test_removed_votes_do_not_make_the_count_of_today_negative(database: Database) -> None:
    await seen(database, ("2026-03-02 10:00", 9), ("2026-03-10 11:00", 4))

    assert (await moved(database))["2603.00001"].today == 0


async def test_a_step_has_its_last_number_and_earlier_signals_count_at_the_start(
    database: Database,
) -> None:
    await seen(
        database,
        ("2026-03-02 10:00", 1),
        ("2026-03-02 20:00", 2),
        ("2026-03-09 13:00", 5),
        ("2026-03-09 14:59", 6),
        ("2026-03-09 15:00", 7),
    )
    history = (await moved(database))["2603.00001"]

    assert history.first_seen_at == utc("2026-03-02 10:00")
    assert [tuple(step) for step in history.steps] == [
        (utc("2026-03-03 12:00"), 2),
        (utc("2026-03-09 14:59"), 6),
        (utc("2026-03-09 15:00"), 7),
        (NOW, 7),
    ]


async def test_readers_votes_count_on_the_day_they_are_cast(database: Database) -> None:
    await seen(database, ("2026-03-02 10:00", 3), ("2026-03-10 11:00", 5))
    for email, when in [("ada@example.org", "2026-03-09 11:00"), ("ben@example.org", "2026-03-10 11:00")]:
        person = await add_reader(database, email)
        async with database.write_session() as session:
            await votes.add_upvote(session, person.id, "2603.00001", now=utc(when), half_life=HALF_LIFE)

    assert (await moved(database))["2603.00001"].today == 2 + 1


async def test_signals_later_than_now_are_ignored(database: Database) -> None:
    await seen(database, ("2026-03-10 11:00", 4), ("2026-03-10 13:00", 40))

    assert [step.number for step in (await moved(database))["2603.00001"].steps] == [4, 4]


async def test_the_histories_of_a_list_take_one_query_of_signals_and_few_rows(database: Database) -> None:
    for number in range(3):
        readings = [
            (f"{utc('2026-03-02 10:00') + timedelta(minutes=10 * step):%Y-%m-%d %H:%M}", step)
            for step in range(60)
        ]
        await seen(database, *readings, paper_id=f"2603.0000{number}")
    with sent_statements() as sent:
        histories = await moved(database)

    assert len([sql for sql, _ in sent if "signals" in sql]) == 1
    assert {key: len(history.steps) for key, history in histories.items()} == dict.fromkeys(histories, 2)


async def test_an_empty_list_has_no_histories(database: Database) -> None:
    assert await moved(database) == {}
