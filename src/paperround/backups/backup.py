"""Saves the database to a file, which is either whole or not there."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from paperround.backups.pg_tools import SCHEMAS, BackupError, Programs, words
from paperround.postgres.folders import sync

OUR_SCHEMA: Final = "SELECT 1 FROM pg_tables WHERE (schemaname, tablename) = ('public', 'alembic_version')"


def save_backup(programs: Programs, file: Path) -> int:
    """Write what the database holds at one moment to `file`, while others write on.

    Returns its size in bytes.

    Raises `BackupError`, and then there is no `file`.
    """
    if os.path.lexists(file):
        raise BackupError(f"{file} is already there. Choose another name, or remove it.")
    with programs.connected() as connection:
        programs.require_fit(connection, "pg_dump")
        if not connection.execute(OUR_SCHEMA).fetchone():
            raise BackupError("The database has no Paperround schema: there is nothing to keep.")
    part = _beside(file)
    try:
        _dump(programs, part)
        size = part.stat().st_size
        part.rename(file)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    sync(file.absolute().parent)
    return size


def _beside(file: Path) -> Path:
    """Make a file beside `file` that only we can read (0600): it gets addresses and the secret key."""
    try:
        descriptor, name = tempfile.mkstemp(".part", f"{file.name}.", file.absolute().parent)
    except OSError as error:
        raise BackupError(f"{file} can't be written: {error.strerror}.") from error
    os.close(descriptor)
    return Path(name)


def _dump(programs: Programs, part: Path) -> None:
    """Run pg_dump, which syncs what it wrote.

    It writes to a path rather than to its output, because to that it only appends and puts no offsets in.
    """
    schemas = (f"--schema={name}" for name in SCHEMAS)
    command = programs.connecting("pg_dump", "--format=custom", "--strict-names", *schemas, f"--file={part}")
    ended = subprocess.run(  # noqa: S603 - PostgreSQL's program
        command, env=programs.environment, capture_output=True, check=False
    )
    if ended.returncode:
        said = words(ended.stderr.decode(errors="replace"))
        raise BackupError(f"pg_dump failed, and no backup was made. It said:\n{said}")
