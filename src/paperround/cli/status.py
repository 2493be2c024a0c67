"""`paperround status`: how reading, embedding, digests and the queue are going."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from typing import Annotated, Final

import typer
from rich.table import Table
from sqlalchemy.exc import SQLAlchemyError

from paperround import event_loop, queue, sample
from paperround.cli.console import console, output
from paperround.cli.context import CommandNotPossible, load_settings, open_database
from paperround.cli.outbox_link import make_outbox_link
from paperround.database import Database, utc_now
from paperround.digests import ledger
from paperround.embeddings.state import load_embedding_state
from paperround.feeds import status as feed_status
from paperround.papers.readings import count_unread
from paperround.settings import Settings
from paperround.summaries.state import SummaryState, load_summary_state

ANNOUNCEMENT_TIMEOUT: Final = 600  # seconds after which the first reading is no longer waited for

app = typer.Typer()


@app.command(epilog="Example: paperround status")
def status() -> None:
    """How reading, embedding and the queue are going."""
    event_loop.run(_show_status, load_settings("status"))


@app.command(hidden=True, epilog="Example: paperround announce")
def announce(lifeline: Annotated[bool, typer.Option("--lifeline", hidden=True)] = False) -> None:
    """Say where mail is to be read, and what the first reading brought once it has. `up` runs this."""
    settings = load_settings("up", lifeline=lifeline)
    if settings.smtp_url is None:
        _announce_outbox(settings)
    event_loop.run(_announce_first_reading, settings)


def _announce_outbox(settings: Settings) -> None:
    """Say where mail is to be read. That this fails is no reason to stop."""
    try:
        console.print(f"Its mail is at {make_outbox_link(settings)}  (this link works once)", soft_wrap=True)
    except CommandNotPossible as error:
        console.print(error.detail, soft_wrap=True)


async def _announce_first_reading(settings: Settings) -> None:
    deadline = time.monotonic() + ANNOUNCEMENT_TIMEOUT
    async with open_database(settings, "paperround up") as database:
        while time.monotonic() < deadline:
            description = await describe_first_reading(settings, database)
            if description:
                console.print(description)
                return
            await asyncio.sleep(2)


async def _show_status(settings: Settings) -> None:
    now = utc_now()
    async with (
        open_database(settings, "paperround status") as database,
        database.read_session() as session,
    ):
        feeds = [await feed_status.load_feed_status(session, name, now=now) for name in settings.feeds]
        unread = await count_unread(session)
        vectors = await load_embedding_state(session)
        jobs = await queue.load_queue_state(session)
        summaries = await load_summary_state(session, settings, now=now)
        digests = await ledger.count_deliveries(session, now=now)
    output.print(f"{feed_status.describe_feeds(feeds)}.")
    table = Table("feed", "newest list", "last success", "next run", "failing", "quarantined", box=None)
    for feed in feeds:
        table.add_row(
            feed.name,
            f"{feed.newest_day or 'none'}{' (stale)' if feed.stale else ''}",
            format_time(feed.last_success),
            format_time(feed.next_run),
            str(feed.failing_days),
            str(feed.quarantined),
        )
    output.print(table)
    for feed in feeds:
        if feed.last_error:
            output.print(f"{feed.name}: the last update failed: {feed.last_error}", markup=False)
        for reading in feed.late:
            output.print(f"{feed.name}: the list of {reading.day} is {reading.error}", markup=False)
    if unread:
        output.print(f"titles and abstracts: {unread} papers to be read again")
    output.print(f"vectors: {vectors.done} done, {vectors.waiting} waiting, {vectors.refused} refused")
    if summaries:
        output.print(describe_summaries(summaries), markup=False)
    counts = ", ".join(f"{number} {state.value}" for state, number in digests.counts.items() if number)
    output.print(f"digests of 24 hours: {counts or 'none'}")
    output.print(f"jobs: {jobs.waiting} waiting, {jobs.running} running, {jobs.failed} failed")


def describe_summaries(state: SummaryState) -> str:
    """Say how summaries go and what they cost today."""
    reasons = ", ".join(f"{number} {reason}" for reason, number in state.refused.items())
    tomorrow = "; the rest goes on tomorrow" if state.is_used_up else ""
    refused = f"{state.refused_count} refused{f' ({reasons})' if reasons else ''}"
    return (
        f"summaries by {state.model}: {state.made} made, {state.waiting} waiting, {refused}; "
        f"today {state.papers_today} of {state.daily_limit} papers, {state.tokens_read_today:,} tokens read "
        f"and {state.tokens_written_today:,} written{tomorrow}"
    )


def format_time(moment: datetime | None) -> str:
    """Format a time for a terminal, to the minute, in UTC."""
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else "never"


async def describe_first_reading(settings: Settings, database: Database) -> str | None:
    """Say what the first reading brought. None means that it has brought nothing yet."""
    now = utc_now()
    try:
        async with database.read_session() as session:
            feed = await feed_status.load_feed_status(session, settings.feeds[0], now=now)
            has_samples = await sample.is_shown(session)
    except (SQLAlchemyError, OSError):
        return None
    if has_samples:
        return (
            f"[bold]{_describe_feed(settings)} can't be read[/] ({feed.last_error}). "
            "Until it can, the sample edition is shown: invented papers. It is retried all the time."
        )
    if feed.newest_day:
        return f"The newest list is from {feed.newest_day}."
    if feed.last_success and not feed.last_error:
        return (
            f"{_describe_feed(settings)} has no papers for the last "
            f"{settings.catch_up_days} days. For older ones: paperround ingest --from YYYY-MM-DD"
        )
    return None


def _describe_feed(settings: Settings) -> str:
    address = {"huggingface": settings.huggingface_url, "arxiv": settings.arxiv_url}[settings.feeds[0]]
    return f"The feed at {address}"
