"""Runs the ingestion of the hub's feed, with a clock that a test sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import func, select, text

from paperround.database import Database
from paperround.feeds import ingestion, schedule
from paperround.feeds.http import RequestLimits
from paperround.feeds.huggingface.feed import open_huggingface
from paperround.feeds.tables import FeedDay, Reading
from paperround.papers.tables import Paper
from paperround.settings import Settings

from support.factories import feed_record, utc

DAY, NEXT_DAY = date(2026, 3, 2), date(2026, 3, 3)
NOON = utc("2026-03-02 12:00")
POLICY = ingestion.IngestionPolicy(reading_interval=timedelta(hours=1), half_life=timedelta(hours=24))
LIMITS = RequestLimits(
    connect_timeout=60,
    read_timeout=60,
    total_timeout=60,
    max_bytes=100_000,
    max_attempts=2,
    first_retry_delay=0.01,
)
ONE_ATTEMPT = replace(LIMITS, max_attempts=1)
SHORT_LIMITS = replace(LIMITS, read_timeout=0.3)
GOOD = [feed_record("2603.00001"), feed_record("2603.00002")]
BAD = feed_record("2603.00009", title=["not a text"])


@dataclass
class IngestionRunner:
    """Reads the feed. `now` is the only clock that it has."""

    database: Database
    settings: Settings
    now: datetime = NOON
    limits: RequestLimits = LIMITS

    async def make_due(self, *days: date) -> None:
        async with self.database.write_session() as session:
            await schedule.make_days_due(session, "huggingface", days, now=self.now)

    async def read_next(self, day: date | None = None) -> Reading | None:
        """Read one day that is due."""
        only_days = [day] if day else None
        async with open_huggingface(self.settings, self.database, self.limits) as hub:
            return await ingestion.read_next_day(
                self.database, hub, POLICY, only_days=only_days, clock=lambda: self.now
            )

    async def read(self, day: date = DAY, now: datetime | None = None) -> Reading:
        """Make the day due and read it."""
        self.now = now or self.now
        await self.make_due(day)
        reading = await self.read_next(day)
        assert reading is not None
        return reading

    async def read_due(self) -> Sequence[Reading]:
        """Read what is due, as a worker does."""
        readings: list[Reading] = []
        async with open_huggingface(self.settings, self.database, self.limits) as hub:
            await ingestion.read_due_days(
                self.database, hub, POLICY, on_reading=readings.append, clock=lambda: self.now
            )
        return readings

    async def query_all(self, query: Any) -> list[Any]:
        async with self.database.read_session() as session:
            return list((await session.execute(query)).scalars().all())

    async def query_one(self, query: Any) -> Any:
        (only,) = await self.query_all(query)
        return only

    async def load_paper(self, paper_id: str = "2603.00001") -> Paper:
        return await self.query_one(select(Paper).where(Paper.id == paper_id))

    async def load_day(self, day: date = DAY) -> FeedDay:
        return await self.query_one(select(FeedDay).where(FeedDay.day == day))

    async def count_rows(self, table: type) -> int:
        return await self.query_one(select(func.count()).select_from(table))

    async def dump_tables(self, *without: str) -> dict[str, list[str]]:
        """Every row of every table except the times of the readings and the count of changes."""
        leave_out = {"readings", "feed_days", "catalogue_version", *without}
        tables = await self.query_all(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))
        rows = "SELECT (to_jsonb(t) - 'seen_at' - 'hub_seen_at')::text FROM public.{} t ORDER BY 1"
        return {
            name: await self.query_all(text(rows.format(name))) for name in sorted(set(tables) - leave_out)
        }


def later(**amounts: float) -> datetime:
    """Noon of the day plus some hours or days."""
    return NOON + timedelta(**amounts)
