"""The processes that can run by themselves: how they end, and what they leave behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from paperround.cli.context import plan_process
from paperround.database_roles import DatabaseUrls
from paperround.postgres import EmbeddedPostgres
from paperround.settings import Settings

from support.commands import command_environment, run_command, run_commands
from support.embedded_postgres import as_root, in_memory, running, scratch
from support.log_watch import watch
from support.sites import free_port

pytestmark = [pytest.mark.slow]


@pytest.fixture
def data_folder() -> Iterator[Path]:
    """A data folder whose database has the schema."""
    with scratch(in_memory()) as folder:
        result = run_command("db", "upgrade", folder=folder, data_dir=str(folder / "data"))
        assert result.returncode == 0, result.stderr
        yield folder / "data"


def start(name: str, log: Path, **settings: str) -> subprocess.Popen[bytes]:
    with log.open("wb") as file:
        return subprocess.Popen(
            [sys.executable, "-m", "paperround", name],
            env=command_environment(encoder_url="http://127.0.0.1:9", **settings),
            cwd=log.parent, stdout=file, stderr=file, start_new_session=True,
        )  # fmt: skip


def wait_until(condition: Callable[[], object], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert process.poll() is None, "it ended by itself"
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def is_served(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_process_that_is_told_to_stop_stops_the_database_that_it_started(data_folder: Path) -> None:
    postgres, port, log = EmbeddedPostgres(data_folder), free_port(), data_folder.parent / "log"
    for name, sent, is_ready in (
        ("web", signal.SIGTERM, lambda: is_served(port)),
        ("worker", signal.SIGHUP, lambda: running(postgres)),
        ("clock", signal.SIGTERM, lambda: running(postgres)),
    ):
        process = start(name, log, data_dir=str(data_folder), port=str(port))
        wait_until(is_ready, process)
        process.send_signal(sent)
        process.wait(60)
        assert not running(postgres), name
        assert "Traceback" not in log.read_text(), name
        watch.read(log.read_text())


def test_up_waits_for_a_database_that_is_away_and_is_alone_on_its_data_folder(tmp_path: Path) -> None:
    log, settings = tmp_path / "log", {"data_dir": str(tmp_path / "data"), "port": str(free_port())}
    url = f"postgresql://paperround:hunter2@127.0.0.1:{free_port()}/papers"
    process = start("up", log, database_url=url, **settings)
    wait_until(lambda: "it is tried again" in log.read_text(), process)
    (second,) = run_commands(["up"], folder=tmp_path, **settings)
    assert second.returncode == 1
    assert "already running on the data folder" in second.stderr
    process.terminate()
    assert process.wait(60) == 0
    assert log.read_text().count("it is tried again") == 1
    watch.read(log.read_text())
    assert not {"Traceback", "hunter2"} & set(log.read_text().split())


@as_root
def test_up_leaves_nothing_in_a_data_folder_of_somebody_else(tmp_path: Path) -> None:
    home = tmp_path / "data" / "postgres"
    home.mkdir(parents=True)
    os.chown(home, 12345, 12345)
    (result,) = run_commands(["up"], folder=tmp_path, data_dir=str(tmp_path / "data"), port="0")
    assert result.returncode == 1
    assert "belongs to user id 12345" in result.stderr
    assert "Traceback" not in result.stderr
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["postgres"]


@as_root
def test_a_user_id_without_a_name_is_told_what_to_set(tmp_path: Path) -> None:
    """As with `--user 12345` of a container, or on OpenShift."""
    code = """
import os, sys
from contextlib import suppress
from paperround import schema
from paperround.cli import app, bugs, status  # while the files may be read
os.chdir("/")
os.setuid(12345)
del os.environ["PAPERROUND_DATA_DIR"]
sys.argv = ["paperround", "status"]
for name, value in (("PAPERROUND_SITE_NAME", "Papers"), ("PAPERROUND_DATA_DIR", "/data")):
    os.environ[name] = value
    with suppress(SystemExit):
        app.main()
"""
    process = subprocess.run(
        [sys.executable, "-c", code],
        env=command_environment(), capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    without_folder, with_folder = process.stderr.splitlines()
    assert "Set PAPERROUND_DATA_DIR" in without_folder
    assert "set PAPERROUND_DATABASE_URL" in with_folder


def test_each_process_learns_only_the_addresses_of_the_database_that_it_needs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "owner").write_text("postgresql://owner@db/papers")
    monkeypatch.setenv("PAPERROUND_OWNER_DATABASE_URL_FILE", str(tmp_path / "owner"))
    monkeypatch.setenv("PAPERROUND_DATABASE_URL", "postgresql://serving@db/papers")
    urls = DatabaseUrls("postgresql://serving@db/papers", "postgresql://owner@db/papers")
    learnt = {}
    for user in {os.geteuid(), 1000}:
        monkeypatch.setattr(os, "geteuid", lambda user=user: user)
        for name in ("web", "clock", "worker", "encoder"):
            environment = plan_process(Settings(), urls, name).environment
            assert "PAPERROUND_OWNER_DATABASE_URL_FILE" not in environment
            learnt[name] = [
                environment.get(f"PAPERROUND_{which}") for which in ("DATABASE_URL", "OWNER_DATABASE_URL")
            ]
        assert learnt == {
            "web": [urls.serving, None],
            "clock": [urls.serving, None],
            "worker": [urls.serving, urls.owner],
            "encoder": [None, None],
        }
