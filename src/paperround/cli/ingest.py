"""`paperround ingest`: read days of a feed now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Annotated, Final

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from paperround import event_loop
from paperround.cli.console import console
from paperround.cli.context import CommandNotPossible, load_settings, open_database
from paperround.database import Database, utc_now
from paperround.feeds import backfill, schedule
from paperround.feeds.registry import open_feed
from paperround.feeds.tables import Reading, ReadingOutcome
from paperround.papers import half_life
from paperround.settings import FeedName, Settings
from paperround.worker import jobs

MAX_DAYS: Final = 4000  # of one command; the daily lists began in 2023
MAX_DAYS_NAMED: Final = 10  # that could not be read
FORMATS: Final = ["%Y-%m-%d"]
DAY: Final = "YYYY-MM-DD"

app = typer.Typer()


@app.command(epilog="Example: paperround ingest --feed arxiv --from 2026-10-01 --to 2026-10-31")
def ingest(
    feed: Annotated[FeedName, typer.Option(help="The feed to read.")] = "huggingface",
    date: Annotated[datetime | None, typer.Option(help="One day.", formats=FORMATS, metavar=DAY)] = None,
    from_: Annotated[
        datetime | None, typer.Option("--from", help="The first day.", formats=FORMATS, metavar=DAY)
    ] = None,
    to: Annotated[
        datetime | None, typer.Option(help="The last day. Default: today.", formats=FORMATS, metavar=DAY)
    ] = None,
) -> None:
    """Read days of a feed now. Without a day: those that are due."""
    settings = load_settings("ingest")
    missing = event_loop.run(_ingest, settings, feed, list_days(date, from_, to))
    if missing:
        raise SystemExit(1)


def list_days(day: datetime | None, first: datetime | None, last: datetime | None) -> list[date] | None:
    """List the days that the options name, None where they name none. Raises `CommandNotPossible`."""
    if day and (first or last):
        raise CommandNotPossible("Use --date, or --from and --to.")
    if day:
        return [day.date()]
    if not first and not last:
        return None
    if not first:
        raise CommandNotPossible("Add --from: the first day to read.")
    until = last.date() if last else utc_now().date()
    count = (until - first.date()).days + 1
    if count < 1:
        raise CommandNotPossible(f"--to ({until}) must not be before --from ({first:%Y-%m-%d}).")
    if count > MAX_DAYS:
        raise CommandNotPossible(
            f"{first:%Y-%m-%d} to {until} is {count} days; at most {MAX_DAYS} can be read at once."
        )
    return [first.date() + timedelta(days=n) for n in range(count)]


async def _ingest(settings: Settings, name: FeedName, days: Sequence[date] | None) -> Sequence[date]:
    """Read days with a progress bar, or log lines where there is no terminal. Returns the days not read."""
    papers = 0
    async with (
        open_database(
            settings,
            "paperround ingest",
            pool_size=2 * backfill.MAX_CONCURRENT_READERS,
            schema_rule="upgrade",
        ) as database,
        open_feed(name, settings, database) as feed,
    ):
        async with database.write_session() as session:
            await half_life.adopt_half_life(session, settings.half_life)
        if days is None:
            days = await _list_due_days(database, settings, feed.name)
        with _open_progress() as progress:
            bar = progress.add_task("days", total=len(days), papers=0)

            def count_reading(reading: Reading) -> None:
                nonlocal papers
                papers += reading.papers
                if reading.outcome is not ReadingOutcome.failed:
                    progress.update(bar, advance=1, papers=papers)
                if reading.error:
                    is_failed = reading.outcome is ReadingOutcome.failed
                    outcome = "could not be read:" if is_failed else "is"
                    _say(f"The list of {reading.day} {outcome} {reading.error}.")

            missing = await backfill.read_days(
                database,
                feed,
                jobs.ingestion_policy(settings),
                days,
                on_reading=count_reading,
                on_pause=_describe_pause,
            )
    console.print(f"{papers:,} listings read on {len(days) - len(missing)} of {len(days)} days.")
    if missing:
        console.print(
            f"Not read: {_name_days(missing)}. "
            "They stay due: a running worker continues with them. `paperround status` shows the last error."
        )
    return missing


def _describe_pause(until: datetime, days: Sequence[date]) -> None:
    _say(
        f"{_name_days(days)} {'is' if len(days) == 1 else 'are'} tried again at {until:%H:%M:%S} UTC. "
        "Ctrl-C stops this; they stay due."
    )


def _name_days(days: Sequence[date]) -> str:
    return f"{', '.join(map(str, days[:MAX_DAYS_NAMED]))}{' …' if len(days) > MAX_DAYS_NAMED else ''}"


def _say(sentence: str) -> None:
    console.print(sentence, markup=False, soft_wrap=True)


async def _list_due_days(database: Database, settings: Settings, feed: str) -> Sequence[date]:
    now = utc_now()
    async with database.write_session() as session:
        await schedule.plan_days(session, feed, now=now, catch_up=timedelta(days=settings.catch_up_days))
    async with database.read_session() as session:
        return await schedule.list_due_days(session, feed, now=now)


def _open_progress() -> Progress:
    return Progress(
        TextColumn("Reading"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("days, {task.fields[papers]} listings"),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )
