"""Guarantee 1: ingestion is idempotent and complete, whatever the feed answers."""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import func, select

from paperround.database import Database
from paperround.feeds import intake, schedule
from paperround.feeds.huggingface import huggingface
from paperround.feeds.tables import Outcome, Reading
from paperround.papers.tables import Paper
from paperround.settings import Settings

from factories import at, item
from feed_server import FeedServer

DAY = date(2026, 3, 2)
RULES = intake.Rules(every=timedelta(hours=1), half_life=timedelta(hours=24))


async def read(
    database: Database, settings: Settings, day: date = DAY, *, now: str = "2026-03-02 12:00"
) -> Reading | None:
    """Ask for the day and read it once."""
    async with database.writing() as session:
        await schedule.ask_for(session, "huggingface", [day], now=at(now))
    async with huggingface(settings, database) as feed:
        return await intake.read_next(database, feed, RULES, clock=lambda: at(now))


async def count(database: Database, table: type) -> int:
    async with database.reading() as session:
        return (await session.execute(select(func.count()).select_from(table))).scalar_one()


async def test_a_list_is_taken_in(database, settings, feed: FeedServer):
    feed.days["2026-03-02"] = [item("2603.00001"), item("2603.00002")]
    reading = await read(database, settings)
    assert (reading.outcome, reading.papers) == (Outcome.clean, 2)
    assert await count(database, Paper) == 2
