"""Guarantee 1: reading a list again, late or in another order gives the same papers."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from sqlalchemy import select, text

from paperround.database import Database
from paperround.feeds import ingestion
from paperround.feeds.huggingface.feed import open_huggingface
from paperround.feeds.tables import FeedRecord, Reading, ReadingOutcome
from paperround.papers.tables import Author, Listing, Paper, Signal

from support.databases import run_sql
from support.factories import feed_record
from support.feed_server import (
    FeedServer,
)
from support.ingestion_runner import (
    DAY,
    GOOD,
    NEXT_DAY,
    POLICY,
    IngestionRunner,
    later,
)


async def test_a_list_is_stored(runner: IngestionRunner, feed: FeedServer) -> None:
    feed.days["2026-03-02"] = GOOD
    reading = await runner.read()
    assert (reading.outcome, reading.papers, reading.quarantined) == (ReadingOutcome.clean, 2, 0)
    assert await runner.count_rows(Paper) == 2


async def test_the_raw_record_is_kept_unchanged(runner: IngestionRunner, feed: FeedServer) -> None:
    record = feed_record(novelty={"b": [1, 2.5, None], "a": "\x00\ud800 é"}, title="Two\nlines")
    feed.days["2026-03-02"] = [record]
    assert (await runner.read()).outcome is ReadingOutcome.clean
    kept = await runner.query_one(select(FeedRecord))
    assert kept.content == record
    assert list(kept.content) == list(record)


async def test_the_raw_record_is_the_latest_that_was_read(runner: IngestionRunner, feed: FeedServer) -> None:
    for hour in (0, 1):
        feed.days["2026-03-02"] = [feed_record(paper__upvotes=hour)]
        await runner.read(now=later(hours=hour))
    kept = await runner.query_one(select(FeedRecord))
    assert (kept.content["paper"]["upvotes"], kept.read_at) == (1, later(hours=1))


async def test_a_new_list_defers_the_embedding_job_in_the_same_transaction(
    runner: IngestionRunner, feed: FeedServer
) -> None:
    feed.days["2026-03-02"] = GOOD
    await runner.read()
    assert await runner.query_all(text("SELECT task_name FROM jobs.procrastinate_jobs")) == ["embed_papers"]


async def test_the_same_list_twice_changes_nothing_but_is_recorded(
    runner: IngestionRunner, feed: FeedServer
) -> None:
    feed.days["2026-03-02"] = GOOD
    await runner.read()
    before = await runner.dump_tables()
    await runner.read(now=later(hours=1))
    assert await runner.dump_tables() == before
    assert await runner.count_rows(Reading) == 2


async def test_a_missing_field_never_erases_a_known_value(runner: IngestionRunner, feed: FeedServer) -> None:
    told = {
        "paper__ai_summary": "Short.",
        "paper__ai_summary_model": "m",
        "paper__ai_keywords": ["patience"],
        "paper__githubRepo": "https://github.com/ada/patience",
        "paper__githubStars": 5,
        "paper__githubRepoAddedBy": "user",
        "paper__projectPage": "https://a.example/",
        "mediaUrls": ["https://a.example/1.mp4"],
        "thumbnail": "https://a.example/1.png",
        "isAuthorParticipating": True,
        "organization": {"name": "lab", "avatar": "https://a.example/lab.png"},
        "submitterOrganization": {"name": "lab"},
        "paper__submittedOnDailyAt": "2026-03-02T08:00:00Z",
    }
    feed.days["2026-03-02"] = [feed_record(**told)]
    await runner.read()
    before = await runner.dump_tables("records")
    for nothing in (None, ...):
        bare = dict.fromkeys(told, nothing) | {
            "paper__authors": nothing,
            "paper__summary": nothing,
            "summary": nothing,
            "paper__upvotes": nothing,
            "numComments": nothing,
            "paper__discussionId": nothing,
            "submittedBy": nothing,
            "paper__publishedAt": nothing,
            "publishedAt": nothing,
        }
        feed.days["2026-03-02"] = [feed_record(**bare)]
        assert (await runner.read(now=later(hours=1))).outcome is ReadingOutcome.clean
        assert await runner.dump_tables("records") == before


@pytest.mark.parametrize("changes", [{}, {"paper__githubStars": 3, "paper__ai_summary": "Only told first."}])
async def test_a_paper_on_two_lists_is_the_same_in_any_order_of_reading(
    runner: IngestionRunner, feed: FeedServer, database: Database, changes: dict[str, Any]
) -> None:
    feed.days["2026-03-02"] = [feed_record("2603.00001", title="As first listed", numComments=1, **changes)]
    feed.days["2026-03-03"] = [
        feed_record("2603.00001", title="As listed again", mediaUrls=["https://a.example/2"])
    ]
    dumps = []
    for order in ([DAY, NEXT_DAY], [NEXT_DAY, DAY]):
        for hour, day in enumerate([*order, *order, *order]):
            await runner.read(day, now=later(days=1, hours=hour))
        paper = await runner.load_paper()
        assert (paper.title, paper.listed_on) == ("As listed again", DAY)
        dumps.append(await without_times(runner))
        await wipe(database)
    assert dumps[0] == dumps[1]


async def without_times(runner: IngestionRunner) -> tuple[object, ...]:
    """The paper and its listings, without the times of the readings."""
    papers = (await runner.dump_tables("signals", "listings", "records"))["papers"]
    listings = await runner.query_all(
        text("SELECT (to_jsonb(l) - 'first_seen_at')::text FROM listings l ORDER BY day")
    )
    last = await runner.query_one(
        text("SELECT (to_jsonb(s) - 'at')::text FROM signals s ORDER BY at DESC LIMIT 1")
    )
    return papers, listings, last


async def wipe(database: Database) -> None:
    run_sql(database.owner_url, "TRUNCATE papers, feed_days, readings, quarantine CASCADE")


async def test_a_late_reading_adds_its_listing_but_does_not_change_the_paper(
    runner: IngestionRunner, feed: FeedServer
) -> None:
    feed.days["2026-03-03"] = [feed_record("2603.00001", paper__upvotes=9)]
    await runner.read(NEXT_DAY, now=later(days=2))
    feed.days["2026-03-04"] = [feed_record("2603.00001", paper__upvotes=1, title="Stale")]
    runner.now = later(days=2)
    await runner.make_due(date(2026, 3, 4))
    async with open_huggingface(runner.settings, runner.database, runner.limits) as hub:
        times = iter([later(days=2), later(days=1, hours=23)])
        await ingestion.read_next_day(runner.database, hub, POLICY, clock=lambda: next(times))
    paper = await runner.load_paper()
    assert (paper.upvotes, paper.title, paper.seen_at) == (9, feed_record()["title"], later(days=2))
    assert await runner.count_rows(Listing) == 2
    assert await runner.count_rows(Signal) == 1


async def test_authors_missing_from_a_new_record_are_removed(
    runner: IngestionRunner, feed: FeedServer
) -> None:
    feed.days["2026-03-02"] = [feed_record(paper__authors=[{"name": f"Author {n}"} for n in range(5)])]
    await runner.read()
    feed.days["2026-03-02"] = [feed_record(paper__authors=[{"name": "Author 4"}, {"name": "Author 0"}])]
    await runner.read(now=later(hours=1))
    assert await runner.query_all(select(Author.name).order_by(Author.position)) == ["Author 4", "Author 0"]
