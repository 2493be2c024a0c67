"""The hub's lists with one record that is no JSON, or holds what no database keeps."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import select

from paperround.feeds.tables import QuarantinedRecord, ReadingOutcome

from support.factories import feed_record
from support.feed_server import FeedServer
from support.ingestion_runner import GOOD, IngestionRunner, later


@pytest.mark.parametrize("number", ["9" * 5000, "NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("where", ["novelty", "numComments"])
async def test_a_number_that_cannot_be_kept_affects_only_its_own_record(
    runner: IngestionRunner, feed: FeedServer, number: str, where: str
) -> None:
    bad = feed_record("2603.00009", **{where: "NUMBER"})
    text = json.dumps([GOOD[0], bad, GOOD[1]]).replace('"NUMBER"', number)
    feed.faults = [lambda items: (200, {"Content-Type": "application/json"}, text.encode())]
    reading = await runner.read()
    assert (reading.outcome, reading.papers, reading.quarantined) == (ReadingOutcome.partial, 2, 1)
    kept = await runner.query_one(select(QuarantinedRecord))
    assert (kept.paper_id, number in kept.content) == ("2603.00009", True)
    feed.days["2026-03-02"] = [*GOOD, feed_record("2603.00009")]
    assert (await runner.read(now=later(hours=1))).papers == 3
    assert (await runner.query_one(select(QuarantinedRecord))).resolved_at


@pytest.mark.parametrize("year", ["0001", "1900", "1970", "2500", "9999"])
async def test_an_impossible_date_is_quarantined(
    runner: IngestionRunner, feed: FeedServer, year: str
) -> None:
    time = f"{year}-06-01T00:00:00.000Z"
    poisons: list[dict[str, Any]] = [
        {"paper__publishedAt": time},
        {"paper__withdrawnAt": time},
        {"paper__submittedOnDailyAt": time},
        {"paper__authors": [{"name": "Ada Lindqvist", "statusLastChangedAt": time}]},
    ]
    bad = [feed_record(f"2603.0001{number}", **poison) for number, poison in enumerate(poisons)]
    feed.days["2026-03-02"] = [*GOOD, *bad]
    reading = await runner.read()
    assert (reading.papers, reading.quarantined) == (2, 4)
    kept = await runner.query_all(select(QuarantinedRecord))
    assert all("lies far outside" in one.reason for one in kept)


async def test_links_into_a_network_are_not_kept(runner: IngestionRunner, feed: FeedServer) -> None:
    links = {"paper__githubRepo": "http://169.254.169.254/x", "paper__projectPage": "http://wiki.lan/"}
    feed.days["2026-03-02"] = [feed_record("2603.00001", **links)]
    await runner.read()
    paper = await runner.load_paper()
    assert (paper.github_url, paper.project_url) == (None, None)
