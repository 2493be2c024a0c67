"""The whole program, as its user starts it: taking in, embedding, and coming back from any kill -9."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psycopg
import pytest

from paperround.database import utc_now
from paperround.postgres import EmbeddedPostgres
from paperround.postgres.account import server_account
from paperround.postgres.roles import SERVING

from support.commands import command_environment, run_command
from support.encoders import running_inference_server
from support.factories import feed_record
from support.feed_server import FeedServer, running_feed_server
from support.log_watch import watch
from support.sites import free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def until(condition: Callable[[], object], *, seconds: float = 180) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if condition():
                return
        except (httpx.HTTPError, psycopg.Error):
            pass
        time.sleep(0.2)
    raise AssertionError(f"not within {seconds} s: {condition}")


def missing_encoder() -> str:
    """The address of an encoder that isn't there: none is then started, which takes longer than all else."""
    return f"http://127.0.0.1:{free_port()}"


class Up:
    """`paperround up` on a data folder of its own."""

    def __init__(self, data: Path, feed_url: str) -> None:
        self.data, self.feed_url, self.port = data, feed_url, free_port()
        self.encoder_url = ""
        self.web_processes = 1
        self.log = data.parent / "up.log"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def settings(self) -> dict[str, str]:
        return {
            "data_dir": str(self.data),
            "huggingface_url": self.feed_url,
            "port": str(self.port),
            "public_url": f"http://127.0.0.1:{self.port}",
            "catch_up_days": "2",
            "web_processes": str(self.web_processes),
            "encoder_url": self.encoder_url,
        }

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return run_command(*arguments, folder=self.data.parent, **self.settings)

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "paperround", "up"],
                env=command_environment(**self.settings), stdout=log, stderr=log,
                start_new_session=True, cwd=self.data.parent,
            )  # fmt: skip

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", timeout=60)

    def interrupt(self) -> None:
        assert self.process
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(60) == 0

    def niceness(self, name: str) -> int:
        """How much a process of ours gives way to others."""
        (pid, *_) = self.processes(f"-m\0paperround\0{name}")
        return os.getpriority(os.PRIO_PROCESS, pid)

    def processes(self, name: str = "") -> list[int]:
        """Live processes of this data folder, found by their environment or command; zombies don't count."""
        pids = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                try:
                    about = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
                    command = (entry / "cmdline").read_bytes()
                except OSError:
                    continue
                if os.fsencode(self.data) in about and name.encode() in command and command:
                    pids.append(int(entry.name))
        return pids

    def kill(self, name: str) -> None:
        for pid in self.processes(name):
            os.kill(pid, signal.SIGKILL)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        url = EmbeddedPostgres(self.data).superuser_url.replace("postgresql+psycopg://", "postgresql://")
        with psycopg.connect(url) as connection:
            return connection.execute(query).fetchall()

    def embedded(self) -> int:
        return int(str(self.rows("SELECT count(vector) FROM embeddings")[0][0]))


@pytest.fixture
def up(feed: FeedServer) -> Iterator[Up]:
    folder = Path(tempfile.mkdtemp(prefix="paperround-up-"))
    folder.chmod(0o755)
    running = Up(folder / "data", feed.url)
    yield running
    if running.process and running.process.poll() is None:
        running.process.terminate()
        running.process.wait(60)
    for pid in running.processes():
        os.kill(pid, signal.SIGKILL)
    watch.read(running.log.read_text() if running.log.exists() else "")
    shutil.rmtree(folder, ignore_errors=True)


def todays_list(feed: FeedServer, papers: int) -> None:
    today = utc_now().date().isoformat()
    feed.days[today] = [
        feed_record(f"2603.{n:05}", paper__summary="We wait. " * (n % 40 + 1)) for n in range(papers)
    ]


def test_one_command_serves_todays_papers_and_stops_without_a_trace(up: Up, feed: FeedServer) -> None:
    todays_list(feed, 40)
    up.web_processes = 2
    up.start()
    until(lambda: up.get("/readyz").status_code == 200)
    until(lambda: len(up.get("/api/v1/papers?limit=100").json()["papers"]) == 40)
    until(lambda: up.embedded() == 40)
    assert len(up.get("/api/v1/papers/2603.00007/similar").json()["papers"]) == 10
    assert "Patient Gradients" in up.get("/papers").text
    assert "40" in up.command("status").stdout
    names = ("-m paperround web", "-m paperround clock", "-m paperround worker", "-m paperround encoder")
    arguments = [name.replace(" ", "\0") for name in names]
    users = {Path(f"/proc/{pid}").stat().st_uid for name in arguments for pid in up.processes(name)}
    assert users == {server_account().uid}  # ourselves, unless we are root
    assert up.niceness("worker") > up.niceness("web"), "lists and digests can wait, a page can't"
    roles = up.rows("SELECT DISTINCT usename FROM pg_stat_activity WHERE application_name LIKE 'paperround%'")
    assert roles == [(SERVING,)]
    before = set(up.processes("--handover"))
    assert up.command("reload").returncode == 0
    until(lambda: not before & set(up.processes("--handover")))
    assert up.get("/papers").status_code == 200
    up.interrupt()
    assert "not running" in up.command("reload").stderr
    assert up.processes() == []

    up.start()
    until(lambda: len(up.get("/api/v1/papers?limit=100").json()["papers"]) == 40)
    assert "Traceback" not in up.log.read_text()
    until(lambda: up.processes(arguments[-1]))
    assert up.process
    up.process.kill()
    up.process.wait()
    until(lambda: not up.processes())  # the encoder too


@pytest.fixture
def slow_encoder() -> Iterator[str]:
    """The address of an encoder so slow that some papers still wait for it whenever something is killed.

    Ours would take as long to start, each time, as all else together.
    """
    with running_inference_server(seconds_per_text=0.05) as address:
        yield address


def test_kill_9_of_anything_loses_nothing_and_leaves_nothing_behind(
    up: Up, feed: FeedServer, slow_encoder: str
) -> None:
    def embeds_more() -> None:
        before = up.embedded()
        until(lambda: up.embedded() > min(before, 159))

    todays_list(feed, 160)
    up.encoder_url = slow_encoder
    up.start()
    until(lambda: up.embedded() > 0)
    up.kill("worker")
    until(lambda: up.processes("worker"))
    embeds_more()
    up.kill("postgres")
    until(lambda: up.get("/readyz").status_code == 200)
    embeds_more()
    assert up.process
    up.process.kill()
    up.process.wait()
    until(lambda: not up.processes())

    up.start()
    until(lambda: up.embedded() == 160)
    assert up.rows("SELECT count(*), count(DISTINCT id) FROM papers") == [(160, 160)]
    assert up.rows("SELECT count(*) FROM embeddings WHERE vector IS NULL") == [(0,)]
    assert up.rows("SELECT count(*) FROM signals") == [(160,)]
    for pid in up.processes():
        os.kill(pid, signal.SIGKILL)
    up.process.wait()
    up.start()
    until(lambda: up.get("/readyz").status_code == 200)
    assert up.rows("SELECT count(*), count(DISTINCT id) FROM papers") == [(160, 160)]
    up.interrupt()
    assert up.processes() == []


def test_the_sample_is_shown_while_the_feed_is_away_and_gives_way_to_it(up: Up, feed: FeedServer) -> None:
    port = free_port()
    up.feed_url = f"http://127.0.0.1:{port}"
    up.encoder_url = missing_encoder()
    up.start()
    until(lambda: up.get("/api/v1/papers").json()["papers"])
    assert all(paper["sample"] for paper in up.get("/api/v1/papers").json()["papers"])
    assert up.get("/api/daily_papers").json() == []
    until(lambda: re.search(r"can't be\s+read", up.log.read_text()))

    todays_list(feed, 3)
    with running_feed_server(FeedServer(days=feed.days), port=port):
        up.command("ingest", "--date", utc_now().date().isoformat())
        until(lambda: [p["sample"] for p in up.get("/api/v1/papers").json()["papers"]] == [False] * 3)
    up.interrupt()


def test_a_port_in_use_is_said_plainly(up: Up) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", up.port))
        taken.listen()
        result = up.command("up")
    assert result.returncode == 1
    assert "PAPERROUND_PORT" in result.stderr
    assert "Traceback" not in result.stderr
