"""The sample edition: only while nothing could ever be read, and never beside a real paper."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from paperround import sample
from paperround.database import Database
from paperround.feeds import ingestion, schedule
from paperround.feeds.http import Limits
from paperround.feeds.huggingface.feed import huggingface
from paperround.papers.tables import Listing, Paper

from support.factories import at, item
from support.feed_server import html

NOW = at("2026-03-02 12:00")
RULES = ingestion.Rules(every=timedelta(hours=1), half_life=timedelta(hours=24))


@pytest.fixture
def read(database, settings):
    async def read() -> None:
        async with database.writing() as session:
            await schedule.ask_for(session, "huggingface", [NOW.date()], now=NOW)
        async with huggingface(settings, database, Limits(tries=1)) as hub:
            await ingestion.read_next(database, hub, RULES, clock=lambda: NOW)

    return read


@pytest.fixture
def show(database):
    async def show() -> bool:
        async with database.writing() as session:
            return await sample.show_if_empty(session, RULES, now=NOW)

    return show


async def feeds_shown(database: Database) -> set[str]:
    async with database.reading() as session:
        return set(await session.scalars(select(Listing.feed)))


async def test_the_sample_is_shown_only_when_a_reading_failed_and_there_is_nothing_else(
    database, read, show, feed
):
    assert not await show(), "nothing was tried yet"
    await read()
    assert not await show(), "an empty list is no failure"
    feed.always = html
    await read()
    assert await show()
    assert not await show(), "it is there already"
    assert await feeds_shown(database) == {"sample"}


async def test_the_sample_is_dated_relative_to_today_and_its_ids_are_none_of_arxivs(
    database, read, show, feed
):
    feed.always = html
    await read()
    await show()
    async with database.reading() as session:
        days = set(await session.scalars(select(Listing.day)))
        ids = set(await session.scalars(select(Paper.id)))
    assert max(days) <= NOW.date() < max(days) + timedelta(days=4)
    assert min(days) > date(2026, 2, 1)
    assert all(paper_id.startswith("0000.") for paper_id in ids)


async def test_the_first_real_list_takes_its_place_and_it_never_comes_back(database, read, show, feed):
    feed.faults = [html]
    await read()
    await show()
    await read()
    assert await feeds_shown(database) == {"sample"}, "an empty list is nothing to show instead"
    feed.days["2026-03-02"] = [item()]
    await read()
    assert await feeds_shown(database) == {"huggingface"}
    feed.always = html
    await read()
    assert not await show()


async def test_a_real_list_that_comes_at_the_same_moment_takes_its_place_too(database, read, feed):
    feed.faults = [html]
    await read()
    feed.days["2026-03-02"] = [item()]
    async with database.writing() as session:
        assert await sample.show_if_empty(session, RULES, now=NOW)
        reading = asyncio.create_task(read())
        await asyncio.sleep(0.2)
        assert not reading.done(), "one writer at a time"
    await reading
    assert await feeds_shown(database) == {"huggingface"}
