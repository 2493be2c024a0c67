"""`paperround summarize`: have summaries written now, or say what they would cost."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from typing import Annotated, Final

import typer

from paperround import event_loop
from paperround.cli.context import console, fail, load_settings, open_database, output
from paperround.settings import Settings
from paperround.summaries import costs, writer
from paperround.summaries.client import TextServerClient
from paperround.summaries.selection import Wanted

app = typer.Typer()
NOT_SET: Final = (
    "No server is set. PAPERROUND_SUMMARY_URL and PAPERROUND_SUMMARY_MODEL name one, such as "
    "http://127.0.0.1:11434 and llama3.2."
)


@app.command(epilog="Example: paperround summarize --from 2026-11-01 --dry-run")
def summarize(
    first_day: Annotated[
        datetime | None,
        typer.Option("--from", formats=["%Y-%m-%d"], metavar="DAY", help="The first day. Without: all."),
    ] = None,
    last_day: Annotated[
        datetime | None,
        typer.Option("--to", formats=["%Y-%m-%d"], metavar="DAY", help="The last day. Without: the newest."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say how many papers lack one, and the tokens it takes.")
    ] = False,
) -> None:
    """Have papers summarised that lack a summary, within the daily limit. Interrupted, it goes on later."""
    settings = load_settings("summarize")
    if settings.summary_url is None:
        fail(NOT_SET)
    first, last = (day.date() if day else None for day in (first_day, last_day))
    if first and last and last < first:
        fail("--to must not be before --from.")
    event_loop.run(_estimate if dry_run else _summarise, settings, first, last)


def _wanted(settings: Settings, first: date | None, last: date | None) -> Wanted:
    return replace(Wanted.from_settings(settings), first_day=first, last_day=last)


async def _estimate(settings: Settings, first: date | None, last: date | None) -> None:
    async with (
        open_database(settings, "paperround summarize") as database,
        database.read_session() as session,
    ):
        estimate = await costs.estimate(session, _wanted(settings, first, last))
    limit = settings.summary_daily_limit
    output.print(
        f"{estimate.papers:,} papers lack a summary. {settings.summary_model} would read and write about "
        f"{estimate.tokens:,} tokens for them. The limit is {limit:,} papers a day.",
        markup=False,
        soft_wrap=True,
    )


async def _summarise(settings: Settings, first: date | None, last: date | None) -> None:
    async with (
        open_database(
            settings, "paperround summarize", pool_size=2 * writer.MAX_CONCURRENT_PAPERS
        ) as database,
        TextServerClient(settings, database) as server,
    ):
        with console.status("Summarising …") as status:
            asked = await writer.write_texts(
                database,
                server,
                _wanted(settings, first, last),
                daily_limit=settings.summary_daily_limit,
                on_progress=lambda papers: status.update(f"Summarising: {papers:,} papers"),
            )
    console.print(
        f"{asked:,} papers summarised with {server.model}, or refused: `paperround status` says how many.",
        markup=False,
        soft_wrap=True,
    )
