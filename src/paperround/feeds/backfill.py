"""Reading many days, several at a time, within the feed's rate; what fails is tried again for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Final

from paperround.database import Database, utc_now
from paperround.feeds import ingestion, schedule, status
from paperround.feeds.tables import Reading

AT_ONCE: Final = 4
ROUNDS: Final = 10
LONGEST_PAUSE: Final = timedelta(minutes=10)


async def read_days(
    database: Database,
    feed: ingestion.Feed,
    rules: ingestion.Rules,
    days: Sequence[date],
    *,
    told: Callable[[Reading], None],
) -> Sequence[date]:
    """Read `days` now, settled or not; the days that could not be read. Raises `schedule.FutureDay`.

    A worker that runs at the same time may take some of them; they count all the same. Days that are still
    missing at the end stay due, and a worker goes on with them.
    """
    started = utc_now()
    async with database.writing() as session:
        await schedule.ask_for(session, feed.name, days, now=started)
    missing: Sequence[date] = days
    for _ in range(ROUNDS):
        await _pause(database, feed, missing)
        readers = (
            ingestion.read_due(database, feed, rules, among=missing, told=told) for _ in range(AT_ONCE)
        )
        await asyncio.gather(*readers)
        async with database.writing() as session:
            await schedule.until_free(session, feed.name, missing)
        async with database.reading() as session:
            missing = await status.unread_since(session, feed.name, days, started)
        if not missing:
            break
    return missing


async def _pause(database: Database, feed: ingestion.Feed, days: Sequence[date]) -> None:
    """Sleep until one of `days` is due and the host lets us ask."""
    now = utc_now()
    async with database.reading() as session:
        due = await schedule.next_due(session, feed.name, among=days)
    moments: list[datetime] = [m for m in (due, await feed.pace.paused_until(now=now)) if m]
    wait = min(max([now, *moments]) - now, LONGEST_PAUSE)
    await asyncio.sleep(wait.total_seconds())
