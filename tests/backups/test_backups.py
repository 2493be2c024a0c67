"""Backups of a real database: whole or not there, back as they were, and nothing lost by a restore."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from paperround import backups, sample, schema
from paperround.backups import BackupError, Programs
from paperround.conninfo import build_conninfo
from paperround.database import Database
from paperround.embeddings import index
from paperround.feeds import schedule
from paperround.feeds.ingestion import IngestionPolicy
from paperround.feeds.tables import Reading, ReadingOutcome
from paperround.postgres.binaries import installed
from paperround.search.engine import search
from paperround.search.filters import SearchFilters
from paperround.search.query_syntax import parse_query

from support.databases import new_database, run_sql
from support.factories import HALF_LIFE, feed_record, store_listing, utc
from support.people import add_person
from support.vectors import add_papers_with_vectors, paper_id

FOLDER = installed(18) / "bin"
OLDER = "-1"  # the release before, as Alembic writes it


def programs(url: str) -> Programs:
    return Programs(url, FOLDER)


def content(url: str) -> dict[str, tuple[Any, ...]]:
    """Every table with its number of rows and a digest of them; sequences; indexes, and whether valid."""
    with psycopg.connect(build_conninfo(url)) as connection:
        names = connection.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('public', 'jobs')"
        ).fetchall()
        found = {}
        for name in names:
            query = sql.SQL("SELECT count(*), md5(string_agg(r::text, '|' ORDER BY r::text)) FROM {} AS r")
            found[".".join(name)] = connection.execute(query.format(sql.Identifier(*name))).fetchone()
        sequences = "SELECT schemaname, sequencename, last_value FROM pg_sequences ORDER BY 1, 2"
        found["sequences"] = tuple(connection.execute(sequences).fetchall())
        # By name: a list of texts in a condition is written otherwise once it was read again.
        indexes = (
            "SELECT relname, indisvalid FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid"
            " WHERE relnamespace::regnamespace::text IN ('public', 'jobs') ORDER BY 1"
        )
        found["indexes"] = tuple(connection.execute(indexes).fetchall())
        return found


@pytest.fixture
async def filled(database: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    """Twelve papers with vectors and their index, jobs that wait, and ada."""
    monkeypatch.setattr(index, "MIN_INDEXED_VECTORS", 10)
    model = await add_papers_with_vectors(database, 12)
    assert await index.ensure(database, model)
    await add_person(database)
    return database


@pytest.fixture
def dump(tmp_path: Path, server: str) -> Path:
    """A backup without any paper."""
    with new_database(server) as url:
        backups.save_backup(programs(url), tmp_path / "papers.dump")
    return tmp_path / "papers.dump"


async def test_a_restored_backup_has_every_row_and_index_and_can_be_searched(
    filled: Database, bare_database_url: str, tmp_path: Path
) -> None:
    file = tmp_path / "papers.dump"
    size = backups.save_backup(programs(filled.url), file)
    assert file.stat().st_size == size
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["papers.dump"]

    backups.restore_backup(programs(bare_database_url), file)

    assert content(bare_database_url) == content(filled.url)
    assert content(filled.url)["public.embeddings"][0] == 12
    schema.compare_with_models(bare_database_url)
    async with Database(bare_database_url) as restored, restored.read_session() as session:
        found = await search(session, parse_query("patient gradients"), None, filters=SearchFilters())
    assert len(found.results) == 12


async def test_a_backup_is_of_one_moment_while_others_write(
    database: Database, bare_database_url: str, tmp_path: Path
) -> None:
    stop = asyncio.Event()

    async def write() -> int:
        """Two papers a transaction."""
        written = 0
        while not stop.is_set():
            pair = (feed_record(paper_id(written + 1)), feed_record(paper_id(written + 2)))
            await store_listing(database, "2026-03-02", *pair)
            written += 2
        return written

    writing = asyncio.create_task(write())
    await asyncio.sleep(0.2)
    await asyncio.to_thread(backups.save_backup, programs(database.url), tmp_path / "papers.dump")
    stop.set()
    written = await writing
    backups.restore_backup(programs(bare_database_url), tmp_path / "papers.dump")

    kept = content(bare_database_url)
    assert 0 < kept["public.papers"][0] < written
    assert kept["public.papers"][0] % 2 == 0
    assert kept["public.papers"][0] == kept["public.listings"][0]


def test_a_file_that_is_there_is_never_overwritten(database_url: str, tmp_path: Path) -> None:
    file = tmp_path / "papers.dump"
    file.write_text("precious")
    with pytest.raises(BackupError, match="already there"):
        backups.save_backup(programs(database_url), file)
    assert file.read_text() == "precious"


def test_a_pg_dump_that_is_killed_leaves_no_file(database_url: str, tmp_path: Path) -> None:
    broken = stand_in(tmp_path / "bin", "printf PGDMP > ${file#--file=}; kill -9 $$")
    (tmp_path / "kept").mkdir()
    with pytest.raises(BackupError, match="no backup was made"):
        backups.save_backup(Programs(database_url, broken), tmp_path / "kept" / "papers.dump")
    assert list((tmp_path / "kept").iterdir()) == []


def test_a_backup_that_is_killed_leaves_no_file_under_its_name(database_url: str, tmp_path: Path) -> None:
    slow = stand_in(tmp_path / "bin", "printf PGDMP > ${file#--file=}; exec sleep 2")
    ours = subprocess.Popen(
        [sys.executable, "-m", "paperround", "db", "backup", "papers.dump"],
        env=os.environ | {"PAPERROUND_DATABASE_URL": database_url, "PATH": f"{slow}:{os.environ['PATH']}"},
        cwd=tmp_path,
    )
    deadline = time.monotonic() + 60
    while not any(part.stat().st_size for part in tmp_path.glob("*.part")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    ours.send_signal(signal.SIGKILL)
    ours.wait()
    assert not (tmp_path / "papers.dump").exists()


def stand_in(folder: Path, body: str) -> Path:
    """A folder with a pg_dump that does what a test wants."""
    folder.mkdir()
    program = folder / "pg_dump"
    program.write_text(
        f'#!/bin/sh\n[ "$1" = --version ] && echo "pg_dump 18.0" && exit\nfor file; do :; done\n{body}\n'
    )
    program.chmod(0o755)
    return folder


@pytest.mark.parametrize("spoil", ["cut", "flip", "text", "empty"])
def test_a_damaged_file_leaves_the_database_as_it_was(dump: Path, other_url: str, spoil: str) -> None:
    whole = dump.read_bytes()
    data = whole.index(b"x\x9c")  # where the first compressed rows begin
    damaged = {
        "cut": whole[:-200],
        "flip": whole[: data + 4] + bytes([whole[data + 4] ^ 255]) + whole[data + 5 :],
        "text": b"CREATE TABLE papers ();\n" * 100,
        "empty": b"",
    }  # fmt: skip
    dump.write_bytes(damaged[spoil])
    before = content(other_url)
    with pytest.raises(BackupError, match=r"pg_restore|psql"):
        backups.restore_backup(programs(other_url), dump)
    assert content(other_url) == before


def test_a_copy_of_another_program_is_refused(bare_database_url: str, other_url: str, tmp_path: Path) -> None:
    run_sql(bare_database_url, "CREATE TABLE invoices (id int)")
    file = tmp_path / "invoices.dump"
    command = [
        str(FOLDER / "pg_dump"),
        "--format=custom",
        f"--file={file}",
        build_conninfo(bare_database_url),
    ]
    subprocess.run(command, check=True)
    with pytest.raises(BackupError, match="not of Paperround's"):
        backups.restore_backup(programs(other_url), file)


@pytest.mark.parametrize("what", ["papers", "readers", "tables"])
async def test_a_database_that_holds_something_is_not_replaced(dump: Path, other_url: str, what: str) -> None:
    async with Database(other_url) as held:
        if what == "papers":
            await store_listing(held, "2026-03-02", feed_record())
        elif what == "readers":
            await add_person(held)
        else:
            run_sql(other_url, "CREATE TABLE invoices (id int)")
    before = content(other_url)
    with pytest.raises(BackupError, match=f"{'invoices' if what == 'tables' else '1 ' + what}.*empty"):
        backups.restore_backup(programs(other_url), dump)
    assert content(other_url) == before


async def test_the_sample_edition_gives_way_to_a_backup(
    filled: Database, other_url: str, tmp_path: Path
) -> None:
    async with Database(other_url) as empty, empty.write_session() as session:
        assert await show_sample(session)
    backups.save_backup(programs(filled.url), tmp_path / "papers.dump")
    backups.restore_backup(programs(other_url), tmp_path / "papers.dump")
    assert content(other_url) == content(filled.url)


async def show_sample(session: Any) -> bool:
    now = utc("2026-03-02 12:00")
    await schedule.make_days_due(session, "huggingface", [now.date()], now=now)
    session.add(Reading(feed="huggingface", day=now.date(), at=now, outcome=ReadingOutcome.failed))
    await session.flush()
    return await sample.show_if_empty(
        session, IngestionPolicy(reading_interval=HALF_LIFE, half_life=HALF_LIFE), now=now
    )


def test_a_restore_waits_for_nobody_who_is_connected(dump: Path, other_url: str) -> None:
    with (
        psycopg.connect(build_conninfo(other_url), application_name="paperround worker"),
        pytest.raises(BackupError, match=r"in use: paperround worker \(1\)"),
    ):
        backups.restore_backup(programs(other_url), dump)


def test_a_backup_of_an_older_release_is_brought_up_to_date(
    bare_database_url: str, other_url: str, tmp_path: Path
) -> None:
    expected = content(other_url)
    schema.upgrade(bare_database_url)
    schema.downgrade(bare_database_url, OLDER)
    run_sql(
        bare_database_url, "INSERT INTO removed_papers (paper_id, removed_at) VALUES ('2603.00001', now())"
    )
    backups.save_backup(programs(bare_database_url), tmp_path / "papers.dump")

    backups.restore_backup(programs(other_url), tmp_path / "papers.dump")

    restored = content(other_url)
    assert restored["public.alembic_version"] == expected["public.alembic_version"]
    assert restored["public.removed_papers"][0] == 1
    assert restored.keys() == expected.keys()
    schema.compare_with_models(other_url)


def test_a_backup_of_a_newer_release_is_refused(
    bare_database_url: str, other_url: str, tmp_path: Path
) -> None:
    schema.upgrade(bare_database_url)
    run_sql(bare_database_url, "UPDATE alembic_version SET version_num = 'ffffffffffff'")
    backups.save_backup(programs(bare_database_url), tmp_path / "papers.dump")
    before = content(other_url)
    with pytest.raises(BackupError, match="newer release"):
        backups.restore_backup(programs(other_url), tmp_path / "papers.dump")
    assert content(other_url) == before


def test_programs_older_than_the_server_are_refused(database_url: str, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match=r"of PostgreSQL 16, the server of 18.*postgresql-client-18"):
        backups.save_backup(Programs(database_url, installed(16) / "bin"), tmp_path / "papers.dump")


def test_a_password_is_on_no_command_line() -> None:
    found = Programs("postgresql://ada:geheim@db.example.org:5433/papers?sslmode=require", FOLDER)
    command = found.connecting("pg_dump")
    assert "geheim" not in " ".join(command)
    assert "db.example.org" in " ".join(command)
    assert found.environment["PGPASSWORD"] == "geheim"
