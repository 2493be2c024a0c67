"""Attempts are counted exactly in the database, by any number of processes at once."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from sqlalchemy import func, select

from paperround import rate_limits
from paperround.database import Database
from paperround.rate_limits import RateLimit, RateLimitCount

from support.factories import utc

NOW = utc("2026-03-10 12:00")
HOUR = timedelta(hours=1)


async def test_no_more_attempts_than_the_limit_are_allowed(database: Database) -> None:
    limit = RateLimit("a", 3, HOUR)
    results = [await rate_limits.is_allowed(database, limit, now=NOW) for _ in range(5)]

    assert results == [True] * 3 + [False] * 2


async def test_the_next_window_counts_from_zero(database: Database) -> None:
    limit = RateLimit("a", 1, HOUR)
    last = NOW + HOUR - timedelta(microseconds=1)

    assert [
        await rate_limits.is_allowed(database, limit, now=moment) for moment in (NOW, last, NOW + HOUR)
    ] == [
        True,
        False,
        True,
    ]


async def test_each_key_has_a_count_of_its_own(database: Database) -> None:
    assert await rate_limits.is_allowed(database, RateLimit("a", 1, HOUR), now=NOW)
    assert await rate_limits.is_allowed(database, RateLimit("b", 1, HOUR), now=NOW)


async def test_an_attempt_must_be_within_all_of_several_limits(database: Database) -> None:
    wide, narrow = RateLimit("a wide one", 10, HOUR), RateLimit("narrow", 1, HOUR)

    assert await rate_limits.is_allowed(database, narrow, wide, now=NOW)
    assert not await rate_limits.is_allowed(database, wide, narrow, now=NOW)


async def test_concurrent_processes_share_the_count_and_never_deadlock(
    database: Database, database_url: str
) -> None:
    async with Database(database_url, pool_size=8) as other:
        one, two = RateLimit("one", 20, HOUR), RateLimit("two", 100, HOUR)
        attempts = [
            rate_limits.is_allowed(process, *order, now=NOW)
            for process in (database, other)
            for order in ((one, two), (two, one))
            for _ in range(10)
        ]
        results = await asyncio.gather(*attempts)

    assert sum(results) == 20


async def test_counts_of_past_windows_are_deleted_and_current_ones_kept(database: Database) -> None:
    limit = RateLimit("a", 1, rate_limits.MAX_WINDOW)
    await rate_limits.is_allowed(database, RateLimit("old", 1, HOUR), now=NOW - timedelta(days=2))
    await rate_limits.is_allowed(database, limit, now=NOW)
    async with database.write_session() as session:
        await rate_limits.delete_expired_counts(session, now=NOW)
        assert (await session.execute(select(func.count()).select_from(RateLimitCount))).scalar_one() == 1

    assert not await rate_limits.is_allowed(database, limit, now=NOW)
