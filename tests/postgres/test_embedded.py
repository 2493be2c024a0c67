"""The embedded server: shared by whoever needs it, gone with the last, and unharmed by any kill -9."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from paperround.postgres import EmbeddedPostgres
from paperround.postgres.account import server_account

from support.embedded_postgres import (
    Child,
    data_dir,
    query,
    running,
    soon,
)

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
