"""The clock: puts jobs on the queue when they are due. A late clock or a second one does no harm."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final

import psycopg
import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

from paperround import queue_app

logger = structlog.get_logger(__name__)

# Seconds between two looks. A task that finds nothing to do costs one query.
TIMETABLE: Final = {
    "read_feeds": 60,
    "embed_papers": 20,
    "write_summaries": 60,
    "rescue_jobs": 30,
    "count_words": 300,
    "tidy_counts": 60,
    "measure_catalogue": 60,
    "send_sign_in_links": 30,
    "send_letters": 30,
    "send_digests": 30,
    "send_channels": 30,
    "tidy_mail": 3600,
    "tidy_accounts": 3600,
    "match_topics": 60,
    "match_past": 300,
    "reread_papers": 60,
    "fetch_submissions": 60,
    "fetch_library_entries": 60,
    "fetch_thumbnails": 60,
    "draw_map": 300,
    "sync_zotero": 60,
}
MISFIRE_GRACE_TIME: Final = None  # late is better than never: what is due stands in the tables
STOP_TIMEOUT: Final = 5  # seconds
MAX_CONNECTIONS: Final = 2  # at once


async def tick(conninfo: str, task: str) -> None:
    """Put `task` on the queue, unless it waits there already."""
    try:
        await queue_app.add_once(conninfo, task)
    except (psycopg.Error, OSError, queue_app.QueueError) as error:
        logger.warning("could not queue; next try at the next tick", task=task, exc_info=error)


def scheduler(start_tick: Callable[[str], Awaitable[None]]) -> AsyncIOScheduler:
    """Build the scheduler that calls `start_tick` with each task's name when it is due, and first at once.

    It runs in UTC, because clocks that change jump over hours.
    """
    timetable = AsyncIOScheduler(
        timezone="UTC",
        job_defaults={"coalesce": True, "misfire_grace_time": MISFIRE_GRACE_TIME, "max_instances": 1},
    )
    for task, seconds in TIMETABLE.items():
        trigger = IntervalTrigger(seconds=seconds, timezone="UTC")
        timetable.add_job(start_tick, trigger, args=[task], id=task, next_run_time=datetime.now(UTC))
    return timetable


async def run(conninfo: str, stop: asyncio.Event) -> None:
    """Tick until `stop` is set. Ticks that are under way then have STOP_TIMEOUT to end.

    Ticks are tasks of ours, because APScheduler cancels its own when it stops and logs each with a traceback.
    """
    ticks: dict[str, asyncio.Task[None]] = {}
    connections = asyncio.Semaphore(MAX_CONNECTIONS)

    async def tick_in_turn(task: str) -> None:
        async with connections:
            await tick(conninfo, task)

    async def start_tick(task: str) -> None:
        if task not in ticks or ticks[task].done():
            ticks[task] = asyncio.create_task(tick_in_turn(task), name=f"tick {task}")

    timetable = scheduler(start_tick)
    timetable.start()
    try:
        await stop.wait()
    finally:
        timetable.shutdown(wait=False)
        await asyncio.sleep(0)  # APScheduler stops in the loop's next round
        if ticks:
            _, late = await asyncio.wait(ticks.values(), timeout=STOP_TIMEOUT)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
