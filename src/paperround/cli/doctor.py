"""`paperround doctor`: the settings in force, and whether the database can be used."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from paperround import schema
from paperround.cli.context import attach_database, load_settings, open_database, output
from paperround.settings import Settings

app = typer.Typer()


@app.command(epilog="Example: paperround doctor")
def doctor(
    database_address: Annotated[
        bool, typer.Option("--database-address", help="Only the database's address, for pg_dump and psql.")
    ] = False,
) -> None:
    """The settings in force, secrets hidden, and whether the database can be used."""
    settings = load_settings("doctor")
    if database_address:
        with attach_database(settings) as url:
            output.print(url.replace("postgresql+psycopg:", "postgresql:"), markup=False, soft_wrap=True)
        return
    for name, value in settings:
        output.print(f"PAPERROUND_{name.upper()} = {value}", markup=False, soft_wrap=True)
    asyncio.run(_check_database(settings))


async def _check_database(settings: Settings) -> None:
    async with (
        open_database(settings, "paperround doctor", schema_rule="accept") as database,
        database.read_session() as session,
    ):
        state = await schema.load_state(session)
    verdict = "can be used" if state.usable else "run `paperround db upgrade`"
    output.print(f"database: schema {state.found}, expected {state.expected}: {verdict}", markup=False)
