"""The pace of requests: never more than the rate in any window, whoever asks, and pauses for everyone."""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_left
from datetime import timedelta
from itertools import pairwise

import pytest
from sqlalchemy import text

from paperround.database import utc_now
from paperround.pace import WINDOW, Pace


async def booked(database, rate: int, requests: int, *, paces: int = 3) -> list[float]:
    """When each of `requests` asked for at once may go, in seconds from now, over several `Pace` objects."""
    all_paces = [Pace(database, "hub.example", rate) for _ in range(paces)]
    started = time.monotonic()

    async def place(n: int) -> float:
        wait = await all_paces[n % paces]._book()
        return max(wait.total_seconds(), 0) + time.monotonic() - started

    return sorted(await asyncio.gather(*(place(n) for n in range(requests))))


@pytest.mark.parametrize("rate", [1, 2, 3, 4, 5, 10, 40])
async def test_no_window_holds_more_than_the_rate(database, rate):
    times = await booked(database, rate, 3 * rate + 2)
    window = WINDOW.total_seconds() - 2  # the seconds that booking them all may have taken
    for first, start in enumerate(times):
        assert bisect_left(times, start + window) - first <= rate


async def test_a_quarter_of_the_rate_may_go_at_once_and_the_rest_flows_evenly(database):
    times = await booked(database, 40, 14)
    assert sum(moment < 2 for moment in times) == 10
    steps = [later - earlier for earlier, later in pairwise(times[10:])]
    assert all(step == pytest.approx(10, abs=2) for step in steps)


async def test_the_whole_rate_is_used_within_a_window(database):
    times = await booked(database, 40, 41)
    assert times[39] <= WINDOW.total_seconds() + 2 < times[40] + 10


async def test_after_a_long_silence_no_more_than_the_burst_has_been_saved_up(database):
    await booked(database, 40, 40)
    async with database.writing() as session:
        await session.execute(text("UPDATE request_rates SET drained_at = now() - interval '9 days'"))
    times = await booked(database, 40, 14)
    assert sum(moment < 2 for moment in times) == 10


async def test_hosts_do_not_wait_for_each_other(database):
    await booked(database, 1, 3)
    assert (await Pace(database, "other.example", 1)._book()).total_seconds() <= 0


async def test_turn_waits_for_the_place_that_was_booked(database):
    pace = Pace(database, "hub.example", 3000)
    started = time.monotonic()
    for _ in range(750 + 3):
        await pace._book()
    await pace.turn()
    assert time.monotonic() - started >= 3 * WINDOW.total_seconds() / 2250


async def test_a_rate_of_nought_is_no_limit(database):
    pace = Pace(database, "hub.example", 0)
    await asyncio.gather(*(pace.turn() for _ in range(50)))
    assert await pace.paused_until(now=utc_now()) is None


async def test_a_pause_holds_for_everyone_and_a_shorter_one_does_not_end_it(database):
    now = utc_now()
    await Pace(database, "hub.example", 0).pause(now + timedelta(hours=1))
    await Pace(database, "hub.example", 40).pause(now + timedelta(minutes=1))
    other = Pace(database, "hub.example", 40)
    assert await other.paused_until(now=now) == now + timedelta(hours=1)
    assert await other.paused_until(now=now + timedelta(hours=1)) is None
    assert await Pace(database, "other.example", 40).paused_until(now=now) is None
