"""The throttle: never more than the rate in any window, whichever worker asks, and pauses for all workers."""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_left
from datetime import timedelta
from itertools import pairwise

import pytest
from sqlalchemy import text

from paperround.database import Database, utc_now
from paperround.throttle import RATE_WINDOW, Throttle


async def reserve_times(
    database: Database, rate: int, requests: int, *, throttle_count: int = 3
) -> tuple[list[float], float]:
    """Reserve a moment for each of `requests` at once, through several throttles.

    Returns the moments in seconds from now, and by how many seconds they may be late, since reserving takes
    some time too.
    """
    throttles = [Throttle(database, "hub.example", rate) for _ in range(throttle_count)]
    started = time.monotonic()

    async def reserve(n: int) -> float:
        wait = await throttles[n % throttle_count]._reserve()
        return max(wait.total_seconds(), 0) + time.monotonic() - started

    times = sorted(await asyncio.gather(*(reserve(n) for n in range(requests))))
    return times, time.monotonic() - started


@pytest.mark.parametrize("rate", [1, 2, 3, 4, 5, 10, 40])
async def test_no_window_holds_more_than_the_rate(database: Database, rate: int) -> None:
    times, tolerance = await reserve_times(database, rate, 3 * rate + 2)
    window = RATE_WINDOW.total_seconds() - tolerance
    for first, start in enumerate(times):
        assert bisect_left(times, start + window) - first <= rate


async def test_a_quarter_of_the_rate_may_go_at_once_and_the_rest_flows_evenly(database: Database) -> None:
    times, tolerance = await reserve_times(database, 40, 14)
    assert sum(moment <= tolerance for moment in times) == 10
    steps = [later - earlier for earlier, later in pairwise(times[10:])]
    assert all(step == pytest.approx(10, abs=tolerance) for step in steps)


async def test_the_whole_rate_is_used_within_a_window(database: Database) -> None:
    times, tolerance = await reserve_times(database, 40, 41)
    assert times[39] <= RATE_WINDOW.total_seconds() + tolerance < times[40] + 10


async def test_a_long_silence_saves_up_no_more_than_the_burst(database: Database) -> None:
    await reserve_times(database, 40, 40)
    async with database.write_session() as session:
        await session.execute(text("UPDATE request_rates SET drained_at = now() - interval '9 days'"))
    times, tolerance = await reserve_times(database, 40, 14)
    assert sum(moment <= tolerance for moment in times) == 10


async def test_hosts_do_not_wait_for_each_other(database: Database) -> None:
    await reserve_times(database, 1, 3)
    assert (await Throttle(database, "other.example", 1)._reserve()).total_seconds() <= 0


async def test_acquire_waits_until_the_reserved_moment(database: Database) -> None:
    throttle = Throttle(database, "hub.example", 4, window=timedelta(seconds=1))
    started = time.monotonic()
    await throttle._reserve()
    await throttle._reserve()
    await throttle.acquire()
    assert time.monotonic() - started >= 2 / 3


async def test_a_rate_of_zero_means_no_limit(database: Database) -> None:
    throttle = Throttle(database, "hub.example", 0)
    await asyncio.gather(*(throttle.acquire() for _ in range(50)))
    assert await throttle.paused_until(now=utc_now()) is None


async def test_a_pause_holds_for_all_workers_and_a_shorter_one_does_not_end_it(database: Database) -> None:
    now = utc_now()
    await Throttle(database, "hub.example", 0).pause(now + timedelta(hours=1))
    await Throttle(database, "hub.example", 40).pause(now + timedelta(minutes=1))
    other = Throttle(database, "hub.example", 40)
    assert await other.paused_until(now=now) == now + timedelta(hours=1)
    assert await other.paused_until(now=now + timedelta(hours=1)) is None
    assert await Throttle(database, "other.example", 40).paused_until(now=now) is None
