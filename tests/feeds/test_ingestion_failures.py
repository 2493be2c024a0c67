"""Guarantee 1: after a broken answer or an error of ours, the reading fails and nothing changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select, text

from paperround.database import Database
from paperround.feeds.http import RequestLimits
from paperround.feeds.tables import QuarantinedRecord, ReadingOutcome
from paperround.papers import catalogue
from paperround.papers.tables import Paper
from paperround.settings import Settings

from support.factories import feed_record
from support.feed_server import (
    Answer,
    FeedServer,
    constant_answer,
    dropped_connection,
    error_answer,
    html_answer,
    json_answer,
    running_feed_server,
    slow_answer,
    truncated_answer,
)
from support.ingestion_runner import (
    BAD,
    DAY,
    GOOD,
    LIMITS,
    NOON,
    SHORT_LIMITS,
    IngestionRunner,
    later,
)


def huge(items: list[Any]) -> Answer:
    return json_answer([*items, "x" * 200_000])


BROKEN: dict[str, tuple[Callable[[list[Any]], Answer | None], str]] = {
    "HTML": (html_answer, "not JSON (text/html"),
    "nothing": (lambda items: (200, {}, b""), "not JSON (no content type, 0 bytes"),
    "cut off": (truncated_answer, "not JSON"),
    "not UTF-8": (lambda items: (200, {}, b'["\xff"]'), "not JSON"),
    "NaN": (lambda items: (200, {}, b"[NaN]"), "not JSON"),
    "an endless number": (lambda items: (200, {}, b"[" + b"1" * 5000 + b"]"), "not JSON"),
    "500": (error_answer(500), "HTTP 500"),
    "503": (error_answer(503), "HTTP 503"),
    "404": (error_answer(404), "HTTP 404"),
    "204": (lambda items: (204, {}, b""), "HTTP 204"),
    "late": (slow_answer(5), "no answer in time"),
    "an object": (constant_answer({"status": "ok", "data": []}), "not a list but dict"),
    "null": (constant_answer(None), "not a list but NoneType"),
    "strings": (constant_answer(["a", "b"]), "none of 2 records can be read"),
    "too large": (huge, "larger than"),
    "not gzip": (lambda items: (200, {"Content-Encoding": "gzip"}, b"[]"), "connection failed"),
    "connection cut": (dropped_connection, "connection failed"),
    "a loop": (lambda items: (302, {"Location": "/api/daily_papers"}, b""), "connection failed"),
    "to nowhere": (lambda items: (302, {"Location": "http://[::1"}, b""), ""),
}


@pytest.mark.parametrize("broken", BROKEN)
async def test_a_broken_answer_fails_the_reading_and_changes_nothing(
    runner: IngestionRunner, feed: FeedServer, broken: str
) -> None:
    feed.days["2026-03-02"] = GOOD
    await runner.read()
    before = await runner.dump_tables()
    feed.days["2026-03-02"] = [feed_record("2603.00001", paper__upvotes=99), feed_record("2603.00005")]
    feed.default_fault, words = BROKEN[broken]
    if broken == "late":
        runner.limits = SHORT_LIMITS
    reading = await runner.read(now=later(hours=1))
    assert reading.outcome is ReadingOutcome.failed
    assert words in reading.error
    assert await runner.dump_tables() == before
    feed_day = await runner.load_day()
    assert (feed_day.failures, feed_day.next_try_at) == (1, later(hours=1, seconds=30))
    assert feed_day.read_at == NOON


async def test_a_slowly_trickling_answer_fails_after_the_total_timeout(
    runner: IngestionRunner, feed: FeedServer, database: Database
) -> None:
    runner.limits = RequestLimits(read_timeout=60, total_timeout=0.3, max_attempts=1)
    feed.default_fault = slow_answer(5)
    assert (await runner.read()).error == "no complete answer within 0.3 s"


async def test_an_unreachable_host_is_a_failed_reading(runner: IngestionRunner, feed: FeedServer) -> None:
    runner.settings = Settings(_env_file=None, huggingface_url="http://127.0.0.1:9", feed_rate=0)
    assert "connection failed" in (await runner.read()).error


async def test_a_stored_error_is_short(runner: IngestionRunner, feed: FeedServer) -> None:
    feed.default_fault = lambda items: (200, {"Content-Type": "x" * 20_000}, b"?")
    assert len((await runner.read()).error) < 1000


async def test_a_single_failed_request_is_retried_within_the_reading(
    runner: IngestionRunner, feed: FeedServer
) -> None:
    feed.days["2026-03-02"] = GOOD
    for fault in (error_answer(503), dropped_connection, truncated_answer, html_answer):
        feed.faults = [fault]
        assert (await runner.read()).outcome is ReadingOutcome.clean
    runner.limits = replace(LIMITS, read_timeout=1, max_attempts=5)
    feed.faults = [slow_answer(5)]
    assert (await runner.read()).outcome is ReadingOutcome.clean


async def test_a_broken_second_page_fails_the_whole_reading(
    runner: IngestionRunner, feed: FeedServer
) -> None:
    feed.days["2026-03-02"] = [feed_record(f"2603.{n:05}") for n in range(1, 31)]
    feed.max_page_size = 20
    good = json_answer
    feed.faults = [good, error_answer(500), error_answer(500)]
    assert (await runner.read()).outcome is ReadingOutcome.failed
    assert await runner.count_rows(Paper) == 0


async def test_the_delay_after_failures_doubles_up_to_an_hour(
    runner: IngestionRunner, feed: FeedServer
) -> None:
    feed.default_fault = html_answer
    await runner.make_due(DAY)
    waits = []
    for _ in range(9):
        await runner.read_next()
        due = (await runner.load_day()).next_try_at
        waits.append((due - runner.now).total_seconds())
        runner.now = due
    assert waits == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]


async def test_a_successful_reading_resets_the_count_of_failures(
    runner: IngestionRunner, feed: FeedServer
) -> None:
    feed.default_fault = html_answer
    await runner.read()
    feed.default_fault = None
    await runner.read(now=later(hours=1))
    feed_day = await runner.load_day()
    assert (feed_day.failures, feed_day.next_try_at) == (0, later(hours=2))


@pytest.fixture
def unstorable_day(monkeypatch: pytest.MonkeyPatch) -> date:
    """A day whose storage raises an error after all its papers are written."""
    store_papers = catalogue.store_papers

    async def failing_store(session: Any, papers: Any, *, day: date, **rest: Any) -> catalogue.StoreResult:
        stored = await store_papers(session, papers, day=day, **rest)
        if day == DAY:
            await session.execute(text("SELECT 1 / 0"))
        return stored

    monkeypatch.setattr(catalogue, "store_papers", failing_store)
    return DAY


async def test_a_day_that_cannot_be_stored_is_rolled_back_and_other_days_are_read(
    runner: IngestionRunner, feed: FeedServer, unstorable_day: date
) -> None:
    feed.days |= {str(DAY + timedelta(days=n)): [feed_record(f"2603.{n:05}"), BAD] for n in range(3)}
    runner.now = later(days=2)
    await runner.make_due(*(DAY + timedelta(days=n) for n in range(3)))
    told = {reading.day: reading for reading in await runner.read_due()}
    assert len(told) == 3
    assert told[unstorable_day].outcome is ReadingOutcome.failed
    assert told[unstorable_day].error == "could not be stored: DataError"
    assert sorted(await runner.query_all(select(Paper.id))) == ["2603.00001", "2603.00002"]
    assert unstorable_day not in await runner.query_all(select(QuarantinedRecord.day))
    feed_day = await runner.load_day(unstorable_day)
    assert (feed_day.failures, feed_day.next_try_at) == (1, later(days=2, seconds=30))


async def test_the_token_is_sent_to_the_feed_only(runner: IngestionRunner, feed: FeedServer) -> None:
    with running_feed_server(FeedServer()) as elsewhere:
        runner.settings = Settings(
            _env_file=None, huggingface_url=feed.url, huggingface_token="hf_secret", feed_rate=0
        )
        feed.faults = [lambda items: (302, {"Location": f"{elsewhere.url}/api/daily_papers"}, b"")]
        await runner.read()
        assert feed.headers[0]["Authorization"] == "Bearer hf_secret"
        assert "Authorization" not in elsewhere.headers[0]
