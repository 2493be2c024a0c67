"""The release before runs on the present schema: in an upgrade both run beside each other for a while.

`previous_release.txt` names its commit. At a release, write the commit of the one that is replaced there.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from paperround.database import Database, utc_now

from support.commands import command_environment
from support.factories import feed_record
from support.feed_server import FeedServer
from support.mail_sink import MailSink
from support.sites import free_port
from support.subscriptions import subscribed

ROOT = Path(__file__).parents[1]
COMMIT, RELEASE = (ROOT / "tests" / "previous_release.txt").read_text(encoding="utf-8").split()
PARTS = ("src", "migrations", "templates", "alembic.ini")

pytestmark = [pytest.mark.slow]


@pytest.fixture
def previous_code(tmp_path: Path) -> Path:
    """A folder with the code of the release before."""
    try:
        archive = subprocess.run(
            ["git", "-C", ROOT, "archive", COMMIT, *PARTS], capture_output=True, check=True
        ).stdout
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip(f"this checkout has no history back to release {RELEASE} ({COMMIT[:7]})")
    folder = tmp_path / "previous"
    folder.mkdir()
    subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
    return folder


@contextmanager
def running_process(name: str, code: Path, log: Path, settings: dict[str, str]) -> Iterator[None]:
    """Run a process of the release before, until the end of the block."""
    environment = command_environment(**settings) | {"PYTHONPATH": str(code / "src")}
    with log.open("ab") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "paperround", name],
            env=environment, cwd=code, stdout=file, stderr=file, start_new_session=True,
        )  # fmt: skip
    try:
        yield
        assert process.poll() is None, f"{name} ended by itself: {log.read_text()}"
    finally:
        process.terminate()
        process.wait(60)


async def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 90
    while True:
        try:
            if condition():
                return
        except httpx.HTTPError:
            pass
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.1)


@pytest.fixture
async def sink() -> AsyncIterator[MailSink]:
    async with MailSink().running() as sink:
        yield sink


async def test_the_release_before_serves_reads_and_sends_on_the_present_schema(
    previous_code: Path,
    database: Database,
    database_url: str,
    feed: FeedServer,
    sink: MailSink,
    tmp_path: Path,
) -> None:
    now, log, port = utc_now(), tmp_path / "log", free_port()
    for age in range(2):
        feed.days[(now - timedelta(days=age)).date().isoformat()] = [feed_record(f"2603.0000{age}")]
    settings = {
        "database_url": database_url,
        "data_dir": str(tmp_path / "data"),
        "huggingface_url": feed.url,
        "port": str(port),
        "catch_up_days": "2",
        "encoder_url": f"http://127.0.0.1:{free_port()}",
        "smtp_url": f"{sink.url}?tls=off",
    }

    def get(path: str) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=30)

    with ExitStack() as stack:
        for name in ("web", "worker"):
            stack.enter_context(running_process(name, previous_code, log, settings))
        await wait_until(lambda: len(get("/api/v1/papers").json()["papers"]) == 2)
        assert get("/readyz").status_code == 200
        assert get("/papers").status_code == 200
        await subscribed(database, "ada", now=str(now - timedelta(hours=1)), hour=now.hour)
        stack.enter_context(running_process("clock", previous_code, log, settings))
        await wait_until(lambda: sink.received)
    assert [message.recipient for message in sink.received] == ["ada@example.org"]
    async with database.read_session() as session:
        failed = await session.scalars(
            text("SELECT task_name FROM procrastinate_jobs WHERE status = 'failed'")
        )
        assert failed.all() == [], log.read_text()
