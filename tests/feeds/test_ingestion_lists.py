"""Guarantee 1: a list is read completely, and every day is read until it has settled."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from paperround.feeds import schedule
from paperround.feeds.tables import FeedDay, ReadingOutcome
from paperround.papers.tables import Listing, Paper

from support.factories import feed_record, utc
from support.feed_server import (
    FeedServer,
    constant_answer,
    html_answer,
    json_answer,
)
from support.ingestion_runner import (
    DAY,
    GOOD,
    NEXT_DAY,
    IngestionRunner,
    later,
)


async def test_an_empty_list_is_a_successful_empty_reading(runner: IngestionRunner, feed: FeedServer) -> None:
    reading = await runner.read()
    assert (reading.outcome, reading.error) == (ReadingOutcome.empty, None)
    assert (await runner.load_day()).next_try_at == later(hours=1)


async def test_a_list_longer_than_the_servers_limit_is_read_completely(
    runner: IngestionRunner, feed: FeedServer
) -> None:
    feed.days["2026-03-02"] = [feed_record(f"2603.{n:05}") for n in range(1, 62)]
    feed.max_page_size = 20
    assert (await runner.read()).papers == 61
    assert [request["p"] for request in feed.requests] == ["0", "1", "2", "3", "4"]


async def test_a_server_without_pages_is_read_once(runner: IngestionRunner, feed: FeedServer) -> None:
    feed.default_fault = lambda items: json_answer(feed.days["2026-03-02"])
    feed.days["2026-03-02"] = GOOD
    assert (await runner.read()).papers == 2
    assert len(feed.requests) == 2


async def test_a_server_without_pages_is_read_once_even_if_votes_change(
    runner: IngestionRunner, feed: FeedServer
) -> None:
    feed.default_fault = lambda items: json_answer(
        [feed_record("2603.00001", paper__upvotes=len(feed.requests))]
    )
    assert (await runner.read()).papers == 1
    assert len(feed.requests) == 2


async def test_a_list_without_end_is_a_failed_reading(
    runner: IngestionRunner, feed: FeedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("paperround.feeds.huggingface.feed.MAX_PAGES", 12)
    feed.default_fault = lambda items: json_answer([feed_record(f"2603.{len(feed.requests):05}")])
    reading = await runner.read()
    assert "has no end" in reading.error
    assert len(feed.requests) == 12
    assert await runner.count_rows(Paper) == 0


async def test_the_last_record_counts_for_a_paper_on_two_pages(
    runner: IngestionRunner, feed: FeedServer
) -> None:
    feed.faults = [constant_answer([feed_record("2603.00001", paper__upvotes=1), feed_record("2603.00002")])]
    feed.faults.append(
        constant_answer([feed_record("2603.00001", paper__upvotes=2), feed_record("2603.00003")])
    )
    assert (await runner.read()).papers == 3
    assert (await runner.load_paper()).upvotes == 2


async def test_a_longer_list_adds_papers_and_a_shorter_one_removes_none(
    runner: IngestionRunner, feed: FeedServer
) -> None:
    feed.days["2026-03-02"] = GOOD[:1]
    await runner.read()
    feed.days["2026-03-02"] = GOOD
    await runner.read(now=later(hours=1))
    feed.days["2026-03-02"] = GOOD[1:]
    await runner.read(now=later(hours=2))
    assert await runner.query_all(select(Listing.paper_id).order_by(Listing.paper_id)) == [
        "2603.00001",
        "2603.00002",
    ]


async def test_a_future_day_is_rejected_before_any_request(runner: IngestionRunner, feed: FeedServer) -> None:
    with pytest.raises(schedule.DayInFuture, match="2026-03-03 has not come yet"):
        await runner.read(NEXT_DAY)
    assert feed.requests == []
    assert await runner.count_rows(FeedDay) == 0


async def test_after_an_outage_every_day_is_read_and_short_lists_are_completed(
    runner: IngestionRunner, feed: FeedServer
) -> None:
    await plan(runner)
    feed.days["2026-03-02"] = GOOD[:1]
    await runner.read_due()
    for n in range(9):
        feed.days[str(DAY + timedelta(days=n))] = [feed_record(f"2603.{n:05}"), *GOOD]
    runner.now = later(days=8)
    await plan(runner)
    told = await runner.read_due()
    assert {reading.day for reading in told} >= {DAY + timedelta(days=n) for n in range(9)}
    assert await runner.query_one(select(func.count()).where(Listing.day == DAY).select_from(Listing)) == 3


async def test_a_day_is_not_read_again_after_it_settled_at_fourteen_days(
    runner: IngestionRunner, feed: FeedServer
) -> None:
    feed.days["2026-03-02"] = GOOD
    await runner.read(now=utc("2026-03-15 23:59"))
    runner.now = (await runner.load_day()).next_try_at
    assert (await runner.read_next()).outcome is ReadingOutcome.clean
    assert (await runner.load_day()).next_try_at is None
    runner.now = later(days=100)
    assert await runner.read_next() is None


async def test_a_day_whose_last_reading_failed_has_not_settled(
    runner: IngestionRunner, feed: FeedServer
) -> None:
    feed.default_fault = html_answer
    await runner.read(now=later(days=14))
    assert (await runner.load_day()).next_try_at is not None
    feed.default_fault = None
    runner.now = later(days=15)
    assert (await runner.read_next()).outcome is ReadingOutcome.empty
    assert (await runner.load_day()).next_try_at is None


async def plan(runner: IngestionRunner) -> None:
    async with runner.database.write_session() as session:
        await schedule.plan_days(session, "huggingface", now=runner.now, catch_up=timedelta(days=2))
