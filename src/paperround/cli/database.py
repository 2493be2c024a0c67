"""`paperround db`: the database's schema, and copies of the whole database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from paperround import backups, event_loop, schema, tokens
from paperround.cli.console import console
from paperround.cli.context import (
    CommandNotPossible,
    attach_database,
    load_settings,
    open_database,
    upgrade_database,
)
from paperround.database_roles import DatabaseUrls, grant_access
from paperround.postgres import EmbeddedPostgres
from paperround.security_events import SecurityEvent, record_security_event
from paperround.settings import Settings

app = typer.Typer(help="The database: its schema, backups.", no_args_is_help=True)


@app.command(epilog="Example: paperround db upgrade")
def upgrade() -> None:
    """Bring the database's schema up to date. Several at once take turns."""
    with attach_database(load_settings("db")) as urls:
        upgrade_database(urls)
    console.print(f"The schema is {schema.expected_revision()}.")


@app.command(epilog="Example: paperround db backup papers.dump")
def backup(
    file: Annotated[Path, typer.Argument(help="A new file, in PostgreSQL's custom format.")],
) -> None:
    """Copy the whole database into a file, while everything runs. The file holds secrets: keep it safe."""
    with _find_programs() as (_, programs):
        size = backups.save_backup(programs, file)
    console.print(
        f"{file} has {size / 1e6:,.1f} MB. `paperround db restore {file}` puts it into an empty database.",
        markup=False,
        soft_wrap=True,
    )


@app.command(epilog="Example: PAPERROUND_DATA_DIR=/srv/papers paperround db restore papers.dump")
def restore(
    file: Annotated[Path, typer.Argument(help="What `db backup` wrote, of this release or an older one.")],
) -> None:
    """Put a backup into an empty database: all of it, or nothing. Stop Paperround before."""
    with _find_programs() as (urls, programs):
        backups.restore_backup(programs, file)
        grant_access(urls)
    record_security_event(SecurityEvent.database_restored)
    console.print(f"{file} is restored. `paperround up` starts on it.", markup=False, soft_wrap=True)


@app.command("rotate-key", epilog="Example: paperround db rotate-key")
def rotate_key(
    drop_old: Annotated[
        bool, typer.Option(help="Instead, forget the earlier keys: what they signed is no longer valid.")
    ] = False,
) -> None:
    """Make a new key that signs links and cookies; what was signed before stays valid. Restart afterwards."""
    settings = load_settings("db")
    if settings.secret_key:
        raise CommandNotPossible(
            "The key is in PAPERROUND_SECRET_KEY, not in the database.",
            advice="Put a new one before it, with a comma between them, and restart Paperround.",
        )
    count = event_loop.run(_rotate_key, settings, drop_old)
    record_security_event(SecurityEvent.keys_dropped if drop_old else SecurityEvent.key_rotated)
    done = "The earlier keys are forgotten." if drop_old else f"A new key signs. {count} keys verify."
    console.print(f"{done} Restart Paperround, so that every process knows it.")


async def _rotate_key(settings: Settings, drop_earlier: bool) -> int:
    async with (
        open_database(settings, "paperround db rotate-key") as database,
        database.write_session() as session,
    ):
        return await tokens.rotate_key(session, drop_earlier=drop_earlier)


@contextmanager
def _find_programs() -> Iterator[tuple[DatabaseUrls, backups.Programs]]:
    """Find PostgreSQL's programs for the owner: our own server's, or those on PATH for another server."""
    settings = load_settings("db")
    with attach_database(settings) as urls:
        folder = None if settings.database_url else EmbeddedPostgres(settings.data_dir).programs
        yield urls, backups.Programs(urls.owner, folder)
