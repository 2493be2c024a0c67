"""`paperround summarize`: have summaries written now, or say what they would cost."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date, datetime
from typing import Annotated, Final

import typer

from paperround import event_loop
from paperround.cli.console import console, fail, output
from paperround.cli.context import load_settings, open_database
from paperround.settings import Settings
from paperround.summaries import costs, writer
from paperround.summaries.client import TextServerClient
from paperround.summaries.explanations import WantedExplanations
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
    """Have papers summarised and shown matches explained, within the daily limit. It can be interrupted."""
    settings = load_settings("summarize")
    if settings.summary_url is None:
        fail(NOT_SET)
    first, last = (day.date() if day else None for day in (first_day, last_day))
    if first and last and last < first:
        fail("--to must not be before --from.")
    event_loop.run(_estimate if dry_run else _summarise, settings, first, last)


def _list_wanted(
    settings: Settings, first: date | None, last: date | None
) -> tuple[Wanted, WantedExplanations]:
    return (
        replace(Wanted.from_settings(settings), first_day=first, last_day=last),
        replace(WantedExplanations.from_settings(settings), first_day=first, last_day=last),
    )


async def _estimate(settings: Settings, first: date | None, last: date | None) -> None:
    async with (
        open_database(settings, "paperround summarize") as database,
        database.read_session() as session,
    ):
        of_papers, of_matches = _list_wanted(settings, first, last)
        summaries = await costs.estimate(session, of_papers)
        explanations = await costs.estimate_explanations(session, of_matches)
    limit = settings.summary_daily_limit
    lacking = f"{summaries.texts:,} papers lack a summary"
    if explanations.texts:
        lacking += f", and {explanations.texts:,} matches of topics a line that says why"
    output.print(
        f"{lacking}. {settings.summary_model} would read and write about "
        f"{summaries.tokens + explanations.tokens:,} tokens for them. The limit is {limit:,} papers a day.",
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
            asked = Counter[type]()
            of_papers, of_matches = _list_wanted(settings, first, last)
            for wanted in writer.order_work([of_papers], of_matches):
                asked[type(wanted)] += await writer.write_texts(
                    database,
                    server,
                    wanted,
                    daily_limit=settings.summary_daily_limit,
                    on_progress=lambda texts: status.update(f"Writing: {texts:,} texts"),
                )
    matches = f" and {asked[WantedExplanations]:,} matches explained" if asked[WantedExplanations] else ""
    console.print(
        f"{asked[Wanted]:,} papers summarised{matches} with {server.model}, or refused: `paperround status` "
        "says how many.",
        markup=False,
        soft_wrap=True,
    )
