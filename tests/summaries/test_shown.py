"""Where summaries are shown, how they go, and what `paperround summarize` does."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import update

from paperround import queue
from paperround.database import Database, utc_now
from paperround.papers.tables import Paper
from paperround.web.metrics import collect_summary_gauges

from support.commands import run_command, run_commands
from support.explained import follow
from support.factories import add_reader, feed_record, store_listing, utc
from support.jobs import run_waiting_jobs
from support.pages import opened
from support.text_server import TextServer, running_text_server
from support.topic_corpus import add_measured_subjects
from support.topic_corpus import paper_id as subject_id

SUMMARY = "The authors wait for gradients with care."


async def summarised(database: Database, texts: TextServer) -> None:
    """A paper whose summary was made by the worker's job, and one that the daily limit left out."""
    texts.write = lambda title, abstract: SUMMARY
    await store_listing(database, "2026-03-02", feed_record("2603.00001"))
    async with database.write_session() as session:
        await queue.defer(session, "write_summaries")
    await run_waiting_jobs(database, texts.settings(summary_daily_limit=1))
    await store_listing(database, "2026-03-02", feed_record("2603.00001"), feed_record("2603.00002"))


async def test_a_summary_is_shown_everywhere_with_who_wrote_it(database: Database, database_url: str) -> None:
    with running_text_server() as texts:
        await summarised(database, texts)
        async with opened(
            database_url, now=f"{utc_now():%Y-%m-%d %H:%M}", summary_url=texts.url,
            summary_model="small-one", summary_daily_limit=1,
        ) as web:  # fmt: skip
            edition = (await web.get("/papers/date/2026-03-02")).text
            page = (await web.get("/papers/2603.00001")).text
            hub = (await web.get("/api/papers/2603.00001")).json()
            ours = (await web.get("/api/v1/papers/2603.00001")).json()
            short = (await web.get("/api/v1/papers")).json()["papers"]
            feed = (await web.get("/feeds/trending.atom")).text
            status = (await web.get("/status")).text

    assert SUMMARY in edition
    assert "AI summary" in edition
    assert "Written by a model (small-one), not by the authors." in page
    assert (hub["ai_summary"], hub["ai_summary_model"]) == (SUMMARY, "small-one")
    assert (ours["ai_summary"], ours["ai_summary_model"]) == (SUMMARY, "small-one")
    assert [paper["ai_summary"] for paper in short] == [SUMMARY, None]
    assert SUMMARY in feed
    assert "1 text written by <code>small-one</code>. 1 waiting." in " ".join(status.split())
    assert "Tokens: 300 read, 40 written." in status


async def test_nothing_is_asked_while_no_server_is_set(database: Database, database_url: str) -> None:
    with running_text_server() as texts:
        await store_listing(database, "2026-03-02", feed_record("2603.00001"))
        off = texts.settings().model_copy(update={"summary_url": None})
        await run_waiting_jobs(database, off)
        assert not texts.requests
        async with opened(database_url) as web:
            assert "Summaries" not in (await web.get("/status")).text
        async with database.read_session() as session:
            assert not await collect_summary_gauges(session, off, now=utc("2026-03-02 13:00"))


async def test_the_command_tells_the_cost_first_and_then_asks(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    await add_measured_subjects(database, day="2026-03-02", now=utc("2026-03-02 13:00"))
    async with database.write_session() as session:
        known = update(Paper).where(Paper.id > subject_id(3))
        await session.execute(known.values(ai_summary="The hub says what was done."))
    await follow(database, (await add_reader(database, "ada@example.org")).id, "honey bees", daily=2)
    with running_text_server() as texts:
        dry, none, done, status = run_commands(
            ["summarize", "--from", "2026-03-01", "--dry-run"],
            ["summarize", "--from", "2026-03-03"],
            ["summarize"],
            ["status"],
            folder=tmp_path,
            database_url=database_url,
            summary_url=texts.url,
            summary_model="small-one",
        )

    assert "3 papers lack a summary, and 2 matches of topics a line that says why" in dry.stdout
    assert "0 papers summarised with" in none.stderr
    assert "3 papers summarised and 2 matches explained with small-one" in done.stderr
    assert len(texts.requests) == 5
    assert "summaries by small-one: 5 made, 0 waiting, 0 refused; today 5 of 300 papers" in status.stdout


@pytest.mark.parametrize(
    ("arguments", "settings", "told"),
    [
        ((), {}, "PAPERROUND_SUMMARY_URL"),
        ((), {"summary_url": "http://127.0.0.1:9"}, "PAPERROUND_SUMMARY_MODEL"),
        (("--from", "2026-03-02", "--to", "2026-03-01"),
         {"summary_url": "http://127.0.0.1:9", "summary_model": "m"}, "--to must not be before --from"),
        ((), {"summary_languages": "en,xx"}, "SUMMARY_LANGUAGES"),
        ((), {"summary_extra": "[1]"}, "SUMMARY_EXTRA"),
        ((), {"summary_extra": "{"}, "SUMMARY_EXTRA"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_told_in_a_sentence(
    arguments: tuple[str, ...], settings: dict[str, str], told: str, tmp_path: Path
) -> None:
    ended = run_command("summarize", *arguments, folder=tmp_path, **settings)

    assert ended.returncode == 1
    assert told in " ".join(ended.stderr.split())
    assert "Traceback" not in ended.stderr
