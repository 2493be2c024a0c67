"""`paperround db`: the database's schema, and copies of the whole database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from paperround import backups, schema
from paperround.cli.context import attach_database, console, load_settings
from paperround.postgres import EmbeddedPostgres
from paperround.security_events import SecurityEvent, record_security_event

app = typer.Typer(help="The database: its schema, backups.", no_args_is_help=True)


@app.command(epilog="Example: paperround db upgrade")
def upgrade() -> None:
    """Bring the database's schema up to date. Several at once take turns."""
    with attach_database(load_settings("db")) as url:
        schema.upgrade(url)
    console.print(f"The schema is {schema.expected_revision()}.")


@app.command(epilog="Example: paperround db backup papers.dump")
def backup(
    file: Annotated[Path, typer.Argument(help="A new file, in PostgreSQL's custom format.")],
) -> None:
    """Copy the whole database into a file, while everything runs. The file holds secrets: keep it safe."""
    with _find_programs() as programs:
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
    with _find_programs() as programs:
        backups.restore_backup(programs, file)
    record_security_event(SecurityEvent.database_restored)
    console.print(f"{file} is restored. `paperround up` starts on it.", markup=False, soft_wrap=True)


@contextmanager
def _find_programs() -> Iterator[backups.Programs]:
    """Find PostgreSQL's programs: our own server's, or those on PATH for a server of the operator's."""
    settings = load_settings("db")
    with attach_database(settings) as url:
        folder = None if settings.database_url else EmbeddedPostgres(settings.data_dir).programs
        yield backups.Programs(url, folder)
