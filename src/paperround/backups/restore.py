"""Restores a backup's file into a database that holds nothing of worth yet: all of it or nothing."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Final, cast

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from paperround import queue, schema
from paperround.backups.pg_tools import SCHEMAS, BackupError, Programs, words
from paperround.papers.catalogue import SAMPLE_FEED
from paperround.papers.tables import TRIGGER_FUNCTIONS

# What nobody wants to lose, by table. The sample edition's papers are no loss.
WORTH: Final[Mapping[str, sql.SQL]] = {
    "papers": sql.SQL(
        "SELECT count(*) FROM papers WHERE EXISTS (SELECT FROM listings WHERE paper_id = papers.id"
        " AND feed <> {sample}) OR NOT EXISTS (SELECT FROM listings WHERE paper_id = papers.id)"
    ),
    "readers": sql.SQL("SELECT count(*) FROM readers"),
    "topics": sql.SQL("SELECT count(*) FROM topics"),
    "subscriptions": sql.SQL("SELECT count(*) FROM subscriptions"),
}
TABLES = """
SELECT relname, nspname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE nspname = ANY(%s) AND relkind IN ('r', 'p', 'v', 'm', 'f')
AND NOT EXISTS (
    SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e'
)
"""
OTHERS = """
SELECT coalesce(nullif(application_name, ''), 'a program without a name'), count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND usesysid IS NOT NULL
AND coalesce(backend_type, 'client backend') = 'client backend'
GROUP BY 1 ORDER BY 1
"""
# pg_restore 17 and later write it for older servers too, which don't know it.
NEWER_SETTING: Final = b"SET transaction_timeout = 0;\n"
EMPTY = (
    "A backup is restored into an empty database only: set PAPERROUND_DATA_DIR to a new folder, or "
    "PAPERROUND_DATABASE_URL to a new database."
)


def restore_backup(programs: Programs, file: Path) -> None:
    """Put a backup's content in place of an empty database's, and bring its schema up to date.

    Raises `BackupError`, and then the database is as it was.
    """
    revision = _revision(programs, file)
    if not schema.is_known(revision):
        raise BackupError(
            f"{file} was made by a newer release (schema {revision}) than this program "
            f"({schema.expected_revision()}). Restore it with that release."
        )
    with programs.connected() as connection:
        programs.require_fit(connection, "pg_restore")
        programs.require_fit(connection, "psql")
        _require_alone(connection)
        there = _require_empty(connection)
    _replace(programs, file, there)
    schema.upgrade(programs.url)


def _revision(programs: Programs, file: Path) -> str:
    """Read the schema's revision from a backup."""
    if not file.is_file():
        raise BackupError(f"There is no file {file}.")
    command = programs.command(
        "pg_restore", "--file=-", "--data-only", "--schema=public", "--table=alembic_version", str(file)
    )
    ended = subprocess.run(command, env=programs.environment, capture_output=True, check=False)  # noqa: S603
    if ended.returncode:
        said = words(ended.stderr.decode(errors="replace"))
        raise BackupError(
            f"{file} is not a complete backup, or is from a newer PostgreSQL. pg_restore said:\n{said}"
        )
    _, _, rows = ended.stdout.decode(errors="replace").partition(" FROM stdin;\n")
    revision = rows.split("\n", 1)[0]
    if not revision or revision == "\\.":
        raise BackupError(f"{file} is a dump of a database, but not of Paperround's.")
    return revision


def _require_alone(connection: psycopg.Connection[TupleRow]) -> None:
    others = connection.execute(OTHERS).fetchall()
    if others:
        named = ", ".join(f"{name} ({count})" for name, count in others)
        raise BackupError(
            f"The database is in use: {named}. Stop them (`paperround up` and all) and try again."
        )


def _require_empty(connection: psycopg.Connection[TupleRow]) -> list[str]:
    """List our tables in `public`, which may go. Raises `BackupError` if anything would be lost with them."""
    found = connection.execute(TABLES, (list(SCHEMAS),)).fetchall()
    ours = schema.list_tables()
    foreign = [
        name for name, place in found if not (name in ours if place == "public" else queue.is_own_table(name))
    ]
    if foreign:
        raise BackupError(
            f"The database holds tables that are not Paperround's: {', '.join(foreign[:5])}. {EMPTY}"
        )
    there = [name for name, place in found if place == "public"]
    counts = {name: _count(connection, query) for name, query in WORTH.items() if name in there}
    if any(counts.values()):
        held = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)
        raise BackupError(f"The database holds {held}. {EMPTY}")
    return there


def _count(connection: psycopg.Connection[TupleRow], query: sql.SQL) -> int:
    row = connection.execute(query.format(sample=SAMPLE_FEED)).fetchone()
    return int(row[0]) if row else 0


def _replace(programs: Programs, file: Path, tables: list[str]) -> None:
    """Replace the content in one transaction of psql.

    It drops the old schemas, reads what pg_restore writes, and commits once that has come to its end. If any
    of the three processes dies before, the database rolls back.
    """
    script = programs.command(
        "pg_restore", "--file=-", "--no-owner", "--no-privileges", *_of_our_schemas(), str(file)
    )
    psql = programs.connecting("psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1")
    environment = programs.environment
    with tempfile.TemporaryFile() as said:
        with (
            subprocess.Popen(script, env=environment, stdout=subprocess.PIPE, stderr=said) as reading,  # noqa: S603
            subprocess.Popen(  # noqa: S603 - as above: PostgreSQL's programs
                psql, env=environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said
            ) as running,
            suppress(BrokenPipeError),  # psql stopped at an error; its words say which
        ):
            _feed(reading, cast("IO[bytes]", running.stdin), tables)
        if reading.returncode or running.returncode:
            said.seek(0)
            raise BackupError(
                f"{file} could not be restored; the database is as it was. PostgreSQL's programs said:\n"
                f"{words(said.read().decode(errors='replace'))}"
            )


def _feed(reading: subprocess.Popen[bytes], psql: IO[bytes], tables: list[str]) -> None:
    with psql:
        psql.write(_before(tables).encode())
        script = cast("IO[bytes]", reading.stdout)
        for line in script:  # the settings at its head
            if line != NEWER_SETTING:
                psql.write(line)
            if line.startswith(b"SELECT "):
                break
        shutil.copyfileobj(script, psql)
        if reading.wait() == 0:
            psql.write(b"ANALYZE;\nCOMMIT;\n")


def _before(tables: list[str]) -> str:
    names = [sql.Identifier("public", name).as_string() for name in tables]
    away = f"DROP TABLE {', '.join(names)} CASCADE;" if names else ""
    functions = ", ".join(f"public.{name}()" for name in TRIGGER_FUNCTIONS)
    return f"""
        BEGIN;
        SET LOCAL lock_timeout = '10s';
        SET client_min_messages = warning;
        DROP SCHEMA IF EXISTS jobs CASCADE;
        {away}
        DROP FUNCTION IF EXISTS {functions} CASCADE;
        CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA public;
        CREATE SCHEMA jobs;
        """


def _of_our_schemas() -> list[str]:
    """Keep only the content of our schemas: `public` exists already, and `jobs` is made before."""
    return [f"--schema={name}" for name in SCHEMAS]
