"""Attempts are counted in the database, exactly, by any number of processes at once."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from sqlalchemy import func, select

from paperround import rate_limits
from paperround.database import Database
from paperround.rate_limits import Attempts, Limit

from support.factories import at

NOW = at("2026-03-10 12:00")
HOUR = timedelta(hours=1)


async def test_so_many_are_allowed_and_no_more(database):
    limit = Limit("a", 3, HOUR)
    assert [await rate_limits.allowed(database, limit, now=NOW) for _ in range(5)] == [True] * 3 + [False] * 2


async def test_the_next_window_begins_anew(database):
    limit = Limit("a", 1, HOUR)
    last = NOW + HOUR - timedelta(microseconds=1)

    assert [await rate_limits.allowed(database, limit, now=when) for when in (NOW, last, NOW + HOUR)] == [
        True,
        False,
        True,
    ]


async def test_each_key_has_a_count_of_its_own(database):
    assert await rate_limits.allowed(database, Limit("a", 1, HOUR), now=NOW)
    assert await rate_limits.allowed(database, Limit("b", 1, HOUR), now=NOW)


async def test_of_several_limits_each_must_allow_it(database):
    wide, narrow = Limit("a wide one", 10, HOUR), Limit("narrow", 1, HOUR)

    assert await rate_limits.allowed(database, narrow, wide, now=NOW)
    assert not await rate_limits.allowed(database, wide, narrow, now=NOW)


async def test_processes_at_once_share_the_count_and_never_block_each_other(database, database_url):
    other = Database(database_url, pool_size=8)
    one, two = Limit("one", 20, HOUR), Limit("two", 100, HOUR)
    tries = [
        rate_limits.allowed(where, *order, now=NOW)
        for where in (database, other)
        for order in ((one, two), (two, one))
        for _ in range(10)
    ]
    allowed = await asyncio.gather(*tries)
    await other.close()

    assert sum(allowed) == 20


async def test_what_has_passed_is_forgotten_and_what_counts_is_kept(database):
    limit = Limit("a", 1, rate_limits.LONGEST)
    await rate_limits.allowed(database, Limit("old", 1, HOUR), now=NOW - timedelta(days=2))
    await rate_limits.allowed(database, limit, now=NOW)
    async with database.writing() as session:
        await rate_limits.forget_old(session, now=NOW)
        assert (await session.execute(select(func.count()).select_from(Attempts))).scalar_one() == 1

    assert not await rate_limits.allowed(database, limit, now=NOW)
