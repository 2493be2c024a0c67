"""A test that leaves a connection to PostgreSQL open fails itself, and no later test pays for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent
LEAKY_TESTS = """
import asyncio, os, psycopg, structlog
from paperround.conninfo import build_conninfo
from paperround.database import Database

URL = os.environ["DATABASE_OF_THE_TESTS"]

def test_sync():
    cycle = [psycopg.connect(build_conninfo(URL))]
    cycle.append(cycle)

def test_innocent():
    with psycopg.connect(build_conninfo(URL)):
        pass

async def test_pool():
    async with Database(URL).read_session() as session:
        await session.connection()

def test_innocent_too():
    pass

def test_loop():
    global kept_alive
    async def connect():
        return await psycopg.AsyncConnection.connect(build_conninfo(URL))
    kept_alive = asyncio.run(connect())

async def test_innocent_pool():
    async with Database(URL) as database, database.read_session() as session:
        await session.connection()

async def test_failing():
    connection = await psycopg.AsyncConnection.connect(build_conninfo(URL))
    assert connection.closed

def test_after_the_failing_one():
    pass

def test_that_logs_an_address():
    structlog.get_logger().info("signed in", reader="ada@example.org")

async def test_session_that_outlives_its_database():
    async with Database(URL) as database:
        session = database.read_session()
        await (await session.__aenter__()).connection()
    await session.__aexit__(None, None, None)
"""


def test_the_test_that_leaks_a_connection_fails_and_no_other(database_url: str, tmp_path: Path) -> None:
    (tmp_path / "test_leaky.py").write_text(LEAKY_TESTS)
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n"
        "filterwarnings = error\nmarkers =\n    slow\n"
    )
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "conftest",
            "-p",
            "no:cacheprovider",
            "-q",
            "-rA",
            str(tmp_path),
        ],
        env={**os.environ, "PYTHONPATH": str(TESTS), "DATABASE_OF_THE_TESTS": database_url},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )

    errors = [line.split("::")[1].split()[0] for line in run.stdout.splitlines() if line.startswith("ERROR ")]
    assert errors == ["test_sync", "test_pool", "test_loop", "test_that_logs_an_address"], run.stdout
    assert "1 failed, 9 passed, 4 errors" in run.stdout
    assert "cycle = [psycopg.connect(build_conninfo(URL))]" in run.stdout, "it shows where it was opened"
