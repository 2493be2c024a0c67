"""The sample edition: only while nothing could ever be read, and never beside a real paper."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from paperround import sample
from paperround.database import Database
from paperround.feeds import ingestion, schedule
from paperround.feeds.http import RequestLimits
from paperround.feeds.huggingface.feed import open_huggingface
from paperround.papers.tables import Listing, Paper
from paperround.settings import Settings

from support.factories import feed_record, utc
from support.feed_server import FeedServer, html_answer

NOW = utc("2026-03-02 12:00")
RULES = ingestion.IngestionPolicy(reading_interval=timedelta(hours=1), half_life=timedelta(hours=24))


@pytest.fixture
def read(database: Database, settings: Settings) -> Any:
    async def read() -> None:
        async with database.write_session() as session:
            await schedule.make_days_due(session, "huggingface", [NOW.date()], now=NOW)
        async with open_huggingface(settings, database, RequestLimits(max_attempts=1)) as hub:
            await ingestion.read_next_day(database, hub, RULES, clock=lambda: NOW)

    return read


@pytest.fixture
def show(database: Database) -> Any:
    async def show() -> bool:
        async with database.write_session() as session:
            return await sample.show_if_empty(session, RULES, now=NOW)

    return show


async def feeds_shown(database: Database) -> set[str]:
    async with database.read_session() as session:
        return set(await session.scalars(select(Listing.feed)))


async def test_the_sample_is_shown_only_when_a_reading_failed_and_there_is_nothing_else(
    database: Database, read: Any, show: Any, feed: FeedServer
) -> None:
    assert not await show(), "nothing was tried yet"
    await read()
    assert not await show(), "an empty list is no failure"
    feed.default_fault = html_answer
    await read()
    assert await show()
    assert not await show(), "it is there already"
    assert await feeds_shown(database) == {"sample"}


async def test_the_sample_is_dated_relative_to_today_and_its_ids_are_none_of_arxivs(
    database: Database, read: Any, show: Any, feed: FeedServer
) -> None:
    feed.default_fault = html_answer
    await read()
    await show()
    async with database.read_session() as session:
        days = set(await session.scalars(select(Listing.day)))
        ids = set(await session.scalars(select(Paper.id)))
    assert max(days) <= NOW.date() < max(days) + timedelta(days=4)
    assert min(days) > date(2026, 2, 1)
    assert all(paper_id.startswith("0000.") for paper_id in ids)


async def test_the_first_real_list_takes_its_place_and_it_never_comes_back(
    database: Database, read: Any, show: Any, feed: FeedServer
) -> None:
    feed.faults = [html_answer]
    await read()
    await show()
    await read()
    assert await feeds_shown(database) == {"sample"}, "an empty list is nothing to show instead"
    feed.days["2026-03-02"] = [feed_record()]
    await read()
    assert await feeds_shown(database) == {"huggingface"}
    feed.default_fault = html_answer
    await read()
    assert not await show()


async def test_a_real_list_that_comes_at_the_same_moment_takes_its_place_too(
    database: Database, read: Any, feed: FeedServer
) -> None:
    feed.faults = [html_answer]
    await read()
    feed.days["2026-03-02"] = [feed_record()]
    async with database.write_session() as session:
        assert await sample.show_if_empty(session, RULES, now=NOW)
        reading = asyncio.create_task(read())
        await asyncio.sleep(0.2)
        assert not reading.done(), "one writer at a time"
    await reading
    assert await feeds_shown(database) == {"huggingface"}
