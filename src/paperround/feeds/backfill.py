"""The backfill reads many days, several at a time, within the rate limit. It retries failures for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Final

from paperround.database import Database, utc_now
from paperround.feeds import ingestion, schedule, status
from paperround.feeds.tables import Reading

MAX_CONCURRENT_READERS: Final = 4
MAX_ROUNDS: Final = 10
MAX_PAUSE: Final = timedelta(minutes=10)


async def read_days(
    database: Database,
    feed: ingestion.FeedClient,
    policy: ingestion.IngestionPolicy,
    days: Sequence[date],
    *,
    on_reading: Callable[[Reading], None],
    on_pause: Callable[[datetime, Sequence[date]], None] | None = None,
) -> Sequence[date]:
    """Read `days` now, even those that have settled. Returns the days that could not be read.

    A worker that runs at the same time may read some of them, and these count as read too. Days that could
    not be read stay due, so a worker will try them again. `on_pause` is told until when nothing is tried, and
    which days are missing. Raises `schedule.DayInFuture`.
    """
    started = utc_now()
    async with database.write_session() as session:
        await schedule.make_days_due(session, feed.name, days, now=started)
    missing: Sequence[date] = days
    for _ in range(MAX_ROUNDS):
        await _pause(database, feed, missing, on_pause)
        readers = (
            ingestion.read_due_days(database, feed, policy, only_days=missing, on_reading=on_reading)
            for _ in range(MAX_CONCURRENT_READERS)
        )
        await asyncio.gather(*readers)
        async with database.write_session() as session:
            await schedule.wait_until_unclaimed(session, feed.name, missing)
        async with database.read_session() as session:
            missing = await status.list_days_unread_since(session, feed.name, days, started)
        if not missing:
            break
    return missing


async def _pause(
    database: Database,
    feed: ingestion.FeedClient,
    days: Sequence[date],
    on_pause: Callable[[datetime, Sequence[date]], None] | None,
) -> None:
    """Sleep until one of `days` is due and the host allows a request."""
    now = utc_now()
    async with database.read_session() as session:
        due = await schedule.find_next_due_time(session, feed.name, only_days=days)
    paused_until = await feed.throttle.paused_until(now=now)
    moments: list[datetime] = [moment for moment in (due, paused_until) if moment]
    wait = min(max([now, *moments]) - now, MAX_PAUSE)
    if wait and on_pause:
        on_pause(now + wait, days)
    await asyncio.sleep(wait.total_seconds())
