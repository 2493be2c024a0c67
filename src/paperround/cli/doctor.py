"""`paperround doctor`: the settings in force, and whether everything that Paperround needs can be used."""

from __future__ import annotations

from typing import Annotated

import typer

from paperround import event_loop
from paperround.cli.checks import run_checks
from paperround.cli.console import output
from paperround.cli.context import attach_database, load_settings
from paperround.settings import Settings

app = typer.Typer()


@app.command(epilog="Example: paperround doctor")
def doctor(
    database_address: Annotated[
        bool,
        typer.Option(
            "--database-address", help="Only the database's address as its owner, for pg_dump and psql."
        ),
    ] = False,
) -> None:
    """Settings in force, secrets hidden, and a check of disk, database, feeds, clock, encoder and mail.

    The exit code is 1 where something fails; its line says what to do.
    """
    settings = load_settings("doctor")
    if database_address:
        with attach_database(settings) as urls:
            output.print(
                urls.owner.replace("postgresql+psycopg:", "postgresql:"), markup=False, soft_wrap=True
            )
        return
    for name, value in settings:
        output.print(f"PAPERROUND_{name.upper()} = {value}", markup=False, soft_wrap=True)
    if not event_loop.run(_report_checks, settings):
        raise SystemExit(1)


async def _report_checks(settings: Settings) -> bool:
    """Print what each trial found. Returns whether all is well."""
    is_well = True
    async for finding in run_checks(settings):
        verdict = "ok" if finding.is_good else "FAILS"
        output.print(f"{verdict:5} {finding.subject}: {finding.sentence}", markup=False, soft_wrap=True)
        is_well = is_well and finding.is_good
    return is_well
