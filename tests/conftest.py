"""The fixtures of all tests: databases on a real PostgreSQL server, a feed server, a running site."""

from __future__ import annotations

import asyncio
import gc
import os
import time
from collections.abc import AsyncIterator, Iterator

import httpx
import hypothesis
import pytest
import structlog
from hypothesis import HealthCheck

from paperround.database import Database, utc_now
from paperround.settings import Settings

from support.certificates import one_authority
from support.commands import spare_data_folder
from support.connections import ConnectionTracker
from support.databases import new_database, running_server
from support.factories import feed_record, store_listing
from support.feed_server import FeedServer, running_feed_server
from support.log_watch import watch
from support.sites import running_site
from support.statement_cache import share_compiled_statements

# By default structlog shows tracebacks with their variables, which takes seconds for one of a web framework.
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.format_exc_info,
        structlog.processors.KeyValueRenderer(),
        watch.process,
    ]
)
watch.install()

# Tests search more often than one network may; `tests/web/security/test_costs.py` sets a limit.
os.environ.setdefault("PAPERROUND_SEARCH_RATE", "0")

os.environ["PAPERROUND_DATA_DIR"] = str(spare_data_folder())

# Compiled modules are kept even if the environment says otherwise: workers and children import hundreds.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Every client, in a child process too, reads all trusted certificates before its first request. One is read
# forty times as fast as this machine's hundred, and no test depends on which these are.
os.environ["SSL_CERT_FILE"] = str(one_authority())
os.environ.pop("SSL_CERT_DIR", None)

# Every run tries the same examples, and none fails because the machine is busy.
hypothesis.settings.register_profile(
    "steady", derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
hypothesis.settings.load_profile("steady")

connection_tracker = ConnectionTracker()
connection_tracker.install()
share_compiled_statements()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the slow tests first, because the whole run would wait for one that began last."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def pytest_collection_finish() -> None:
    """Leave what is imported by now out of the search for garbage, and search less often than by default.

    A quarter of a million objects stay until the end, and a test's own garbage is small.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


@pytest.fixture(autouse=True)
def _no_leaked_connections(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail the test that leaves a connection to PostgreSQL open."""
    failures = request.session.testsfailed
    yield
    leaks = connection_tracker.close_leaked(test_failed=request.session.testsfailed > failures)
    if leaks:
        pytest.fail("\n".join(leaks), pytrace=False)


@pytest.fixture(autouse=True)
def _no_secrets_in_logs() -> Iterator[None]:
    """Fail the test during which an address, a token or a key was logged."""
    watch.attach()
    yield
    leaks = watch.take_leaks()
    if leaks:
        pytest.fail("\n".join(["What persons sent was logged:", *leaks]), pytrace=False)


@pytest.fixture(autouse=True)
def _no_start_before_midnight() -> None:
    """Start no test in the last minute of a day, because many tests are about "today"."""
    now = utc_now()
    if (now.hour, now.minute) == (23, 59):
        time.sleep(60 - now.second)


@pytest.fixture(scope="session")
def server(testrun_uid: str) -> Iterator[str]:
    """The address of a real server with a migrated template database."""
    with running_server(testrun_uid) as url:
        yield url


@pytest.fixture
def database_url(server: str) -> Iterator[str]:
    """The address of an empty database of the test's own, with the schema."""
    with new_database(server) as url:
        yield url


@pytest.fixture
def other_url(server: str) -> Iterator[str]:
    """The address of a second such database."""
    with new_database(server) as url:
        yield url


@pytest.fixture
def bare_database_url(server: str) -> Iterator[str]:
    """The address of a database of the test's own with nothing in it, not even the schema."""
    with new_database(server, "template0") as url:
        yield url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The database of `database_url`, as its owner, since tests change tables too."""
    async with Database(database_url, pool_size=8) as database:
        yield database


@pytest.fixture
def feed() -> Iterator[FeedServer]:
    """A feed server without any papers."""
    with running_feed_server(FeedServer()) as server:
        yield server


@pytest.fixture
def settings(feed: FeedServer, database_url: str) -> Settings:
    """Settings for `database_url` and the feed server."""
    return Settings(
        _env_file=None, huggingface_url=feed.url, database_url=database_url, feed_rate=0, catch_up_days=2
    )


@pytest.fixture
def web(database_url: str) -> Iterator[httpx.Client]:
    """A client of a site that runs on the test's own database."""
    with (
        running_site(Settings(_env_file=None), database_url) as address,
        httpx.Client(base_url=address, follow_redirects=False, timeout=60) as client,
    ):
        yield client


@pytest.fixture(scope="session")
def site(server: str) -> Iterator[str]:
    """The address of a running site with three days of invented papers. Tests must not change its data."""
    with new_database(server) as url:
        asyncio.run(_fill(url))
        with running_site(Settings(_env_file=None), url) as address:
            yield address


async def _fill(url: str) -> None:
    days = {"2026-03-02": range(1, 61), "2026-03-03": range(61, 64), "2026-03-06": range(64, 70)}
    async with Database(url) as database:
        for day, numbers in days.items():
            await store_listing(
                database, day, *(feed_record(f"2603.{n:05}", paper__upvotes=n % 40) for n in numbers)
            )
