"""What tests stand on: a real PostgreSQL (one a run, a database a test), a feed server, a running site."""

from __future__ import annotations

import asyncio
import fcntl
import shutil
import socket
import tempfile
import threading
import time
import uuid
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import SystemRandom

import httpx
import hypothesis
import psycopg
import pytest
import structlog
import uvicorn
from fastapi import FastAPI
from hypothesis import HealthCheck
from psycopg import sql

from paperround import schema
from paperround.database import Database, utc_now
from paperround.postgres import EmbeddedPostgres
from paperround.settings import Settings
from paperround.web.app import create_app

from support.factories import item, listed
from support.feed_server import FeedServer, serving

TEMPLATE = "paperround_template"

# Its default draws tracebacks with the variables in them: seconds for one that a web framework raised.
structlog.configure(
    processors=[structlog.processors.format_exc_info, structlog.processors.KeyValueRenderer()]
)


# A run says what the one before it said: the same examples, and none fails for being slow on a busy machine.
hypothesis.settings.register_profile(
    "steady", derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
hypothesis.settings.load_profile("steady")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slow ones first: one that began last would keep a run waiting."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(autouse=True)
def _not_over_midnight() -> None:
    """No test of what happens "today" begins in the last minute of a day."""
    now = utc_now()
    if (now.hour, now.minute) == (23, 59):
        time.sleep(60 - now.second)


def free_port() -> int:
    """A port of loopback that nobody listens at, and that no outgoing connection is given meanwhile."""
    while True:
        port = SystemRandom().randrange(10_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def run_folder(run: str) -> Path:
    """One folder for all of a run's test processes: in memory where there is room."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > 2**30
    folder = (memory if roomy else Path(tempfile.gettempdir())) / f"paperround-tests-{run}"
    folder.mkdir(mode=0o755, exist_ok=True)
    return folder


@contextmanager
def locked(file: Path) -> Iterator[None]:
    with file.open("w") as door:
        fcntl.flock(door, fcntl.LOCK_EX)
        yield


def run_sql(url: str, *statements: sql.Composable | str) -> None:
    address = url.replace("postgresql+psycopg://", "postgresql://")
    with psycopg.connect(address, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def server(testrun_uid: str) -> Iterator[str]:
    """The address of a real server with a migrated template database."""
    folder = run_folder(testrun_uid)
    with EmbeddedPostgres(folder / "data").attached() as postgres:
        with locked(folder / "template.lock"):
            if not (folder / "template.done").exists():
                run_sql(postgres.url, "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")
                run_sql(postgres.url, f"CREATE DATABASE {TEMPLATE}")
                schema.upgrade(database_named(postgres.url, TEMPLATE))
                (folder / "template.done").touch()
        yield postgres.url
    with locked(folder / "template.lock"):
        last = not _in_use(folder)
    if last:
        shutil.rmtree(folder, ignore_errors=True)


def _in_use(folder: Path) -> bool:
    with (folder / "data" / "postgres" / "users").open("w") as users:
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def database_named(url: str, name: str) -> str:
    return url.replace("/paperround?", f"/{name}?")


left_databases: deque[str] = deque()


@contextmanager
def new_database(server: str, template: str = TEMPLATE) -> Iterator[str]:
    """It goes some tests later: PostgreSQL sleeps for a tenth of a second where a connection to what it drops
    is only just ending."""
    name = f"test_{uuid.uuid4().hex[:16]}"
    late = [left_databases.popleft() for _ in range(len(left_databases) - 3)]
    run_sql(
        server,
        *(f"DROP DATABASE {one} WITH (FORCE)" for one in late),
        f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy",
    )
    yield database_named(server, name)
    left_databases.append(name)


@pytest.fixture
def database_url(server: str) -> Iterator[str]:
    """A database of the test's own, migrated and empty."""
    with new_database(server) as url:
        yield url


@pytest.fixture
def other_url(server: str) -> Iterator[str]:
    """A second one, migrated and empty too."""
    with new_database(server) as url:
        yield url


@pytest.fixture
def bare_database_url(server: str) -> Iterator[str]:
    """A database of the test's own with nothing in it, not even the schema."""
    with new_database(server, "template0") as url:
        yield url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url, pool_size=8)
    yield database
    await database.close()


@pytest.fixture
def feed() -> Iterator[FeedServer]:
    with serving(FeedServer()) as server:
        yield server


@pytest.fixture
def settings(feed: FeedServer, database_url: str) -> Settings:
    return Settings(
        _env_file=None, huggingface_url=feed.url, database_url=database_url, feed_rate=0, catch_up_days=2
    )


idle_apps: list[FastAPI] = []


@contextmanager
def web_app(settings: Settings, url: str) -> Iterator[FastAPI]:
    """The web process's app, not yet open. One that another test is done with, if there is one: making the
    routes and templates of an app at its first requests takes a sixth of a second."""
    app = idle_apps.pop() if idle_apps else create_app(settings, url)
    app.state.settings, app.state.database_url = settings, url
    before = [*app.routes]
    yield app
    app.dependency_overrides.clear()
    if app.routes == before:
        idle_apps.append(app)


@contextmanager
def running_site(settings: Settings, url: str) -> Iterator[str]:
    """The web process's app on a port of loopback; its address."""
    with web_app(settings, url) as app:
        web = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, access_log=False))
        thread = threading.Thread(target=web.run, daemon=True)
        thread.start()
        deadline = time.monotonic() + 60
        while not web.started and thread.is_alive() and time.monotonic() < deadline:
            time.sleep(0.005)
        assert web.started, "the site did not start"
        port = web.servers[0].sockets[0].getsockname()[1]
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            web.should_exit = True
            thread.join(60)


@pytest.fixture
def web(database_url: str) -> Iterator[httpx.Client]:
    """A client of a running site on the test's own database."""
    with (
        running_site(Settings(_env_file=None), database_url) as address,
        httpx.Client(base_url=address, follow_redirects=False, timeout=60) as client,
    ):
        yield client


@pytest.fixture(scope="session")
def site(server: str) -> Iterator[str]:
    """The address of a running site with three days of invented papers. For looking, not for changing."""
    with new_database(server) as url:
        asyncio.run(_fill(url))
        with running_site(Settings(_env_file=None), url) as address:
            yield address


async def _fill(url: str) -> None:
    database = Database(url)
    days = {"2026-03-02": range(1, 61), "2026-03-03": range(61, 64), "2026-03-06": range(64, 70)}
    for day, numbers in days.items():
        await listed(database, day, *(item(f"2603.{n:05}", paper__upvotes=n % 40) for n in numbers))
    await database.close()
