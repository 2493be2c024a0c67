"""The state of everything in words, for a terminal."""

from __future__ import annotations

from datetime import datetime

from rich.console import Console
from rich.table import Table
from sqlalchemy.exc import SQLAlchemyError

from paperround import mail, queue, sample, schema
from paperround.database import Database, utc_now
from paperround.digests import ledger
from paperround.embeddings import backfill
from paperround.feeds import status
from paperround.settings import Settings


async def first_news(settings: Settings, database: Database) -> str | None:
    """What came of the first reading, as soon as something did."""
    now = utc_now()
    try:
        async with database.reading() as session:
            feed = await status.state(session, settings.feeds[0], now=now)
            samples = await sample.is_shown(session)
    except (SQLAlchemyError, OSError):
        return None
    if samples:
        return (
            f"[bold]{_place(settings)} can't be read[/] ({feed.last_error}). "
            "Until it can, the sample edition is shown: invented papers. It is tried again all the time."
        )
    if feed.newest_day:
        return f"The newest list is of {feed.newest_day}."
    if feed.last_success and not feed.last_error:
        return (
            f"{_place(settings)} has no papers for the last "
            f"{settings.catch_up_days} days. Older ones: paperround ingest --from YYYY-MM-DD"
        )
    return None


def _place(settings: Settings) -> str:
    address = {"huggingface": settings.huggingface_url, "arxiv": settings.arxiv_url}[settings.feeds[0]]
    return f"The feed at {address}"


async def show_status(settings: Settings, database: Database, out: Console) -> None:
    now = utc_now()
    async with database.reading() as session:
        feeds = [await status.state(session, name, now=now) for name in settings.feeds]
        vectors = await backfill.state(session)
        jobs = await queue.state(session)
        digests = await ledger.ledger(session, now=now)
    table = Table("feed", "newest list", "last success", "next run", "failing", "quarantined", box=None)
    for feed in feeds:
        table.add_row(
            feed.name,
            f"{feed.newest_day or 'none'}{' (stale)' if feed.stale else ''}",
            _moment(feed.last_success),
            _moment(feed.next_run),
            str(feed.failing_days),
            str(feed.quarantined),
        )
    out.print(table)
    for feed in feeds:
        if feed.last_error:
            out.print(f"{feed.name}: the last reading failed: {feed.last_error}", markup=False)
    out.print(f"vectors: {vectors.done} done, {vectors.waiting} waiting, {vectors.refused} refused")
    told = ", ".join(f"{number} {state.value}" for state, number in digests.counts.items() if number)
    out.print(f"digests of 24 hours: {told or 'none'}")
    out.print(f"jobs: {jobs.waiting} waiting, {jobs.running} running, {jobs.failed} failed")


def _moment(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else "never"


async def check_database(database: Database, out: Console) -> None:
    """Raises what the database answers with when it can't be used."""
    async with database.reading() as session:
        found = await schema.state(session)
    verdict = "can be used" if found.usable else "run `paperround db upgrade`"
    out.print(f"database: schema {found.found}, expected {found.expected}: {verdict}", markup=False)


def show_outbox(settings: Settings, out: Console, *, limit: int) -> None:
    """The messages that wait in the outbox folder, newest first."""
    box = mail.outbox(settings)
    found = box.newest(limit)
    if not found:
        out.print(f"No mail is in {box.folder}.", markup=False, soft_wrap=True)
        return
    table = Table("written", "to", "subject", "file", box=None)
    for stored in found:
        message = stored.message
        table.add_row(_moment(stored.at), str(message["To"]), str(message["Subject"]), stored.name)
    out.print(table, soft_wrap=True)


def show_message(settings: Settings, name: str, out: Console) -> None:
    """One message as text. Raises `NoSuchMessage`."""
    message = mail.outbox(settings).read(name).message
    for header in ("From", "To", "Subject", "Date"):
        out.print(f"{header}: {message[header]}", markup=False, soft_wrap=True)
    body = message.get_body(("plain", "html"))
    out.print(f"\n{body.get_content() if body else ''}", markup=False, soft_wrap=True)
