"""The votes of a week or month count, whenever the papers were listed and whatever came before or after."""

from __future__ import annotations

from datetime import date, timedelta

from paperround.database import Database
from paperround.papers import votes
from paperround.papers.vote_gains import list_most_voted

from support.factories import HALF_LIFE, add_reader, feed_record, store_listing, utc

FIRST, LAST = date(2026, 3, 2), date(2026, 3, 8)


async def read(database: Database, day: str, at: str, **upvotes: int) -> None:
    """One reading of a day's list, which has `n1=5` for a paper with five votes."""
    records = [feed_record(f"2603.0000{name[1:]}", paper__upvotes=n) for name, n in upvotes.items()]
    await store_listing(database, day, *records, seen_at=utc(at))


async def gains(
    database: Database, first: date = FIRST, last: date = LAST, listed_since: date | None = None
) -> dict[str, int]:
    async with database.read_session() as session:
        found = await list_most_voted(session, first, last, limit=10, listed_since=listed_since)
    return {gain.paper_id[-1]: gain.votes for gain in found}


async def test_the_votes_of_the_days_count_and_none_before_or_after(database: Database) -> None:
    await read(database, "2026-02-27", "2026-02-27 12:00", n1=50, n2=80)
    await read(database, "2026-02-27", "2026-03-03 12:00", n1=90, n2=81)
    await read(database, "2026-03-04", "2026-03-04 12:00", n3=7, n4=0)
    await read(database, "2026-03-04", "2026-03-08 23:59", n3=30, n4=0)
    await read(database, "2026-03-04", "2026-03-09 00:00", n3=500, n4=400)

    assert await gains(database) == {"1": 40, "3": 30, "2": 1}
    assert await gains(database, listed_since=FIRST) == {"3": 30}
    assert await gains(database, LAST + timedelta(days=1), LAST + timedelta(days=7)) == {"3": 470, "4": 400}
    assert await gains(database, date(2026, 2, 1), date(2026, 2, 28)) == {"2": 80, "1": 50}


async def test_a_day_read_late_counts_its_first_votes_when_it_was_listed(database: Database) -> None:
    await read(database, "2026-03-08", "2026-03-12 12:00", n1=9)
    await read(database, "2026-03-01", "2026-03-03 12:00", n2=9)

    assert await gains(database) == {"1": 9}
    assert await gains(database, date(2026, 3, 1), date(2026, 3, 1)) == {"2": 9}


async def test_votes_that_were_taken_back_and_withdrawn_papers_are_nothing(database: Database) -> None:
    await read(database, "2026-03-03", "2026-03-03 12:00", n1=9, n2=9)
    await read(database, "2026-03-03", "2026-03-04 12:00", n1=3)
    gone = feed_record("2603.00002", paper__upvotes=9, paper__withdrawnAt="2026-03-04T13:00:00.000Z")
    await store_listing(database, "2026-03-03", gone, seen_at=utc("2026-03-04 14:00"))
    assert await gains(database) == {"1": 3}


async def test_readers_votes_count_with_those_of_the_feed(database: Database) -> None:
    await read(database, "2026-03-03", "2026-03-03 12:00", n1=1, n2=1)
    who = await add_reader(database, "ada@example.org")
    async with database.write_session() as session:
        await votes.add_upvote(
            session, who.id, "2603.00002", now=utc("2026-03-05 12:00"), half_life=HALF_LIFE
        )
    assert await gains(database) == {"2": 2, "1": 1}
    assert await gains(database, FIRST, date(2026, 3, 4)) == {"1": 1, "2": 1}
