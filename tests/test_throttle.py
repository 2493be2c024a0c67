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
from paperround.throttle import WINDOW, Pace


async def booked(database, rate: int, requests: int, *, paces: int = 3) -> tuple[list[float], float]:
    """When each of `requests` asked for at once may go, in seconds from now, over several `Pace` objects; and
    by how much these moments may be too late, since booking takes its time."""
    all_paces = [Pace(database, "hub.example", rate) for _ in range(paces)]
    started = time.monotonic()

    async def place(n: int) -> float:
        wait = await all_paces[n % paces]._book()
        return max(wait.total_seconds(), 0) + time.monotonic() - started

    times = sorted(await asyncio.gather(*(place(n) for n in range(requests))))
    return times, time.monotonic() - started


@pytest.mark.parametrize("rate", [1, 2, 3, 4, 5, 10, 40])
async def test_no_window_holds_more_than_the_rate(database, rate):
    times, late = await booked(database, rate, 3 * rate + 2)
    window = WINDOW.total_seconds() - late
    for first, start in enumerate(times):
        assert bisect_left(times, start + window) - first <= rate


async def test_a_quarter_of_the_rate_may_go_at_once_and_the_rest_flows_evenly(database):
    times, late = await booked(database, 40, 14)
    assert sum(moment <= late for moment in times) == 10
    steps = [later - earlier for earlier, later in pairwise(times[10:])]
    assert all(step == pytest.approx(10, abs=late) for step in steps)


async def test_the_whole_rate_is_used_within_a_window(database):
    times, late = await booked(database, 40, 41)
    assert times[39] <= WINDOW.total_seconds() + late < times[40] + 10


async def test_after_a_long_silence_no_more_than_the_burst_has_been_saved_up(database):
    await booked(database, 40, 40)
    async with database.writing() as session:
        await session.execute(text("UPDATE request_rates SET drained_at = now() - interval '9 days'"))
    times, late = await booked(database, 40, 14)
    assert sum(moment <= late for moment in times) == 10


async def test_hosts_do_not_wait_for_each_other(database):
    await booked(database, 1, 3)
    assert (await Pace(database, "other.example", 1)._book()).total_seconds() <= 0


async def test_turn_waits_for_the_place_that_was_booked(database):
    pace = Pace(database, "hub.example", 4, per=timedelta(seconds=1))
    started = time.monotonic()
    await pace._book()
    await pace._book()
    await pace.turn()
    assert time.monotonic() - started >= 2 / 3


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
