"""What was discussed and whose code came on some days, whenever papers were listed."""

from __future__ import annotations

from datetime import date
from typing import Any

from paperround.database import Database
from paperround.papers.highlights import MAX_HIGHLIGHTS, list_most_discussed, list_released_code

from support.factories import feed_record, store_listing, utc

FIRST, LAST = date(2026, 3, 2), date(2026, 3, 8)


async def read(database: Database, day: str, at: str, number: int, comments: int, **changes: Any) -> None:
    record = feed_record(f"2603.{number:05}", numComments=comments, **changes)
    await store_listing(database, day, record, seen_at=utc(at))


def code(stars: int | None) -> dict[str, Any]:
    return {"paper__githubRepo": "https://github.com/ada/waits", "paper__githubStars": stars}


async def test_the_comments_of_the_days_count_and_none_before_or_after(database: Database) -> None:
    await read(database, "2026-02-27", "2026-02-27 12:00", 1, comments=30)
    await read(database, "2026-02-27", "2026-03-05 12:00", 1, comments=42)
    await read(database, "2026-02-27", "2026-03-09 12:00", 1, comments=99)
    await read(database, "2026-03-04", "2026-03-04 12:00", 2, comments=20)
    await read(database, "2026-03-04", "2026-03-04 12:00", 3, comments=0)
    await read(database, "2026-03-09", "2026-03-09 12:00", 4, comments=50)
    withdrawn = {"paper__withdrawnAt": "2026-03-04T13:00:00.000Z"}
    await read(database, "2026-03-04", "2026-03-04 12:00", 5, comments=80, **withdrawn)

    async with database.read_session() as session:
        found = await list_most_discussed(session, FIRST, LAST)
    assert found == [("2603.00002", 20), ("2603.00001", 12)]


async def test_code_is_of_the_day_on_which_it_became_known(database: Database) -> None:
    await read(database, "2026-02-27", "2026-02-27 12:00", 1, 0)
    await read(database, "2026-02-27", "2026-03-05 12:00", 1, 0, **code(40))  # released within the days
    await read(database, "2026-02-27", "2026-03-05 12:00", 2, 0, **code(900))  # read late, but of February
    await read(database, "2026-03-04", "2026-03-10 12:00", 3, 0, **code(70))  # read late
    await read(database, "2026-03-04", "2026-03-04 12:00", 4, 0, **code(None))  # nobody told its stars
    await read(database, "2026-03-04", "2026-03-04 12:00", 5, 0)
    await read(database, "2026-03-04", "2026-03-09 12:00", 5, 0, **code(80))  # a day after

    async with database.read_session() as session:
        found = await list_released_code(session, FIRST, LAST)
    assert found == [("2603.00003", 70), ("2603.00001", 40), ("2603.00004", 0)]


async def test_there_are_few_of_a_kind_and_none_of_the_sample(database: Database) -> None:
    records = [feed_record(f"2603.{n:05}", numComments=n, **code(n)) for n in range(1, 9)]
    await store_listing(database, "2026-03-04", *records)
    sample = feed_record("0000.00001", numComments=500, **code(500))
    await store_listing(database, "2026-03-04", sample, feed="sample")

    async with database.read_session() as session:
        for listed in (list_most_discussed, list_released_code):
            found = await listed(session, FIRST, LAST)
            assert [number for _, number in found] == [8, 7, 6, 5, 4]
            assert len(found) == MAX_HIGHLIGHTS
