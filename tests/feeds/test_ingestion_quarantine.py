"""Guarantee 1: a record that cannot be read goes into quarantine, and the rest of the list is stored."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from paperround.feeds.http import RequestLimits
from paperround.feeds.tables import QuarantinedRecord, ReadingOutcome
from paperround.papers.tables import Paper

from support.factories import feed_record
from support.feed_server import (
    Answer,
    FeedServer,
)
from support.ingestion_runner import (
    BAD,
    DAY,
    GOOD,
    NEXT_DAY,
    NOON,
    IngestionRunner,
    later,
)


async def test_an_unreadable_record_is_quarantined_whole_and_the_others_are_stored(
    runner: IngestionRunner, feed: FeedServer
) -> None:
    feed.days["2026-03-02"] = [*GOOD, BAD]
    reading = await runner.read()
    assert (reading.outcome, reading.papers, reading.quarantined) == (ReadingOutcome.partial, 2, 1)
    kept = await runner.query_one(select(QuarantinedRecord))
    assert kept.content == BAD
    assert kept.reason.startswith("title")
    assert (kept.paper_id, kept.times_seen, kept.resolved_at) == ("2603.00009", 1, None)
    assert await runner.count_rows(Paper) == 2


async def test_an_unreadable_record_changes_no_paper(runner: IngestionRunner, feed: FeedServer) -> None:
    feed.days["2026-03-02"] = [*GOOD, feed_record("2603.00009")]
    await runner.read()
    before = await runner.dump_tables("quarantine")
    feed.days["2026-03-02"] = [*GOOD, feed_record("2603.00009", numComments="three", paper__upvotes=99)]
    await runner.read(now=later(hours=1))
    assert await runner.dump_tables("quarantine") == before


async def test_the_same_unreadable_record_is_kept_once_and_counted(
    runner: IngestionRunner, feed: FeedServer
) -> None:
    again = dict(reversed(BAD.items()))
    for hour, record in enumerate([BAD, again, BAD]):
        feed.days["2026-03-02"] = [*GOOD, record, record]
        await runner.read(now=later(hours=hour))
    kept = await runner.query_one(select(QuarantinedRecord))
    assert (kept.times_seen, kept.first_seen_at, kept.last_seen_at) == (3, NOON, later(hours=2))


async def test_a_clean_reading_resolves_quarantined_records(
    runner: IngestionRunner, feed: FeedServer
) -> None:
    feed.days["2026-03-02"] = [*GOOD, BAD, "no record at all"]
    await runner.read()
    feed.days["2026-03-02"] = [*GOOD, feed_record("2603.00009")]
    await runner.read(now=later(hours=1))
    assert [kept.resolved_at for kept in await runner.query_all(select(QuarantinedRecord))] == [
        later(hours=1)
    ] * 2


async def test_a_readable_record_resolves_only_the_record_of_its_paper(
    runner: IngestionRunner, feed: FeedServer
) -> None:
    other = feed_record("2603.00008", paper__upvotes=-1)
    feed.days["2026-03-02"] = [*GOOD, BAD, other]
    await runner.read()
    feed.days["2026-03-02"] = [*GOOD, feed_record("2603.00009"), other]
    await runner.read(now=later(hours=1))
    open_still = await runner.query_all(
        select(QuarantinedRecord.paper_id).where(QuarantinedRecord.resolved_at.is_(None))
    )
    assert open_still == ["2603.00008"]


async def test_an_empty_list_resolves_nothing_since_it_has_no_good_record(
    runner: IngestionRunner, feed: FeedServer
) -> None:
    feed.days["2026-03-02"] = [*GOOD, BAD]
    await runner.read()
    feed.days["2026-03-02"] = []
    assert (await runner.read(now=later(hours=1))).outcome is ReadingOutcome.empty
    assert (await runner.query_one(select(QuarantinedRecord))).resolved_at is None


async def test_a_record_that_is_unreadable_again_is_reopened(
    runner: IngestionRunner, feed: FeedServer
) -> None:
    for hour, records in enumerate([[*GOOD, BAD], GOOD, [*GOOD, BAD]]):
        feed.days["2026-03-02"] = records
        await runner.read(now=later(hours=hour))
    kept = await runner.query_one(select(QuarantinedRecord))
    assert (kept.times_seen, kept.resolved_at) == (2, None)


async def test_the_same_unreadable_record_on_another_day_is_kept_separately(
    runner: IngestionRunner, feed: FeedServer
) -> None:
    feed.days |= {"2026-03-02": [*GOOD, BAD], "2026-03-03": [*GOOD, BAD]}
    await runner.read()
    await runner.read(NEXT_DAY, now=later(days=1))
    assert await runner.count_rows(QuarantinedRecord) == 2


async def test_a_day_with_unreadable_records_gets_five_extra_readings_with_back_off(
    runner: IngestionRunner, feed: FeedServer
) -> None:
    feed.days["2026-03-02"] = [*GOOD, BAD]
    await runner.make_due(DAY)
    waits = []
    for _ in range(7):
        await runner.read_next()
        due = (await runner.load_day()).next_try_at
        waits.append(due - runner.now)
        runner.now = due
    assert waits == [timedelta(minutes=m) for m in (2, 4, 8, 16, 32, 60, 60)]


async def test_a_day_settles_even_if_a_record_stays_unreadable(
    runner: IngestionRunner, feed: FeedServer
) -> None:
    feed.days["2026-03-02"] = [*GOOD, BAD]
    await runner.make_due(DAY)
    runner.now = later(days=14)
    for _ in range(6):
        await runner.read_next()
        runner.now = (await runner.load_day()).next_try_at or runner.now
    assert (await runner.load_day()).next_try_at is None


async def test_a_list_without_readable_records_is_a_failed_reading_that_changes_nothing(
    runner: IngestionRunner, feed: FeedServer
) -> None:
    feed.days["2026-03-02"] = GOOD
    await runner.read()
    before = await runner.dump_tables()
    feed.days["2026-03-02"] = [BAD, "text", None]
    reading = await runner.read(now=later(hours=1))
    assert reading.outcome is ReadingOutcome.failed
    assert "none of 3 records can be read: title" in reading.error
    assert await runner.dump_tables() == before


@pytest.mark.parametrize(
    "poison",
    [
        {"novelty": "\x00"},
        {"novelty\x00": "\ud800"},
        {"submittedBy": {"name": "ada", "a\x00b": "c\x00d"}},
        {"submittedBy": {"name": "ada", "number": 10**3000}},
        {"paper__authors": [{"name": "Ada Lindqvist", "user": {"name": "ada", "\x00": "x"}}]},
        {"title": "Pa\x00tience", "paper__summary": "\x00"},
        {"paper__ai_keywords": ["pa\x00tience", "\x00"]},
        {"paper__publishedAt": "0001-01-01T00:00:00Z"},
        {"paper__publishedAt": "9999-12-31T23:59:59.999999Z"},
        {"title": "𝅘𝅥𝅮" * 2000, "paper__authors": [{"name": "𝅘𝅥𝅮" * 300}]},
    ],
)
async def test_a_strange_record_is_stored_or_quarantined_and_the_others_are_stored(
    runner: IngestionRunner, feed: FeedServer, poison: dict[str, Any]
) -> None:
    feed.days["2026-03-02"] = [*GOOD, feed_record("2603.00009", **poison)]
    reading = await runner.read()
    assert reading.error is None
    assert reading.papers + reading.quarantined == 3
    assert await runner.count_rows(Paper) >= 2


@pytest.mark.parametrize("where", ["novelty", "numComments"])
async def test_a_number_too_large_for_a_float_affects_only_its_own_record(
    runner: IngestionRunner, feed: FeedServer, where: str
) -> None:
    text = json.dumps([*GOOD, feed_record("2603.00009", **{where: "HUGE"})]).replace('"HUGE"', "-1e999")
    feed.faults = [lambda items: (200, {"Content-Type": "application/json"}, text.encode())]
    reading = await runner.read()
    assert (reading.error, reading.papers) == (None, 3 if where == "novelty" else 2)


async def test_a_deeply_nested_record_is_stored_or_fails_the_reading(
    runner: IngestionRunner, feed: FeedServer
) -> None:
    for depth in (50, 500, 900, 960, 990, 100_000):
        deep = "[" * depth + "]" * depth
        text = json.dumps([feed_record(novelty="DEEP")]).replace('"DEEP"', deep)
        answer: Answer = (200, {"Content-Type": "application/json"}, text.encode())
        feed.faults = [lambda items, answer=answer: answer] * 2  # type: ignore[misc]
        runner.limits = RequestLimits(max_attempts=2, first_retry_delay=0.01)
        reading = await runner.read()
        assert reading.outcome in (ReadingOutcome.clean, ReadingOutcome.failed)
        assert depth > 50 or reading.outcome is ReadingOutcome.clean
