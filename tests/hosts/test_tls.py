"""A database over TCP with TLS: everything goes through it, and whoever can't prove to be it is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from paperround import queue
from paperround.conninfo import build_conninfo
from paperround.database import Database
from paperround.failures import explain

from hosts.debian_postgres import PostgresMissing, find_programs
from hosts.tls_server import Authority, TlsServer, running_tls_server
from support.sites import free_port

OURS = "127.0.0.1"
ENCRYPTED = (
    "SELECT bool_and(s.ssl), count(*) FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) "
    "WHERE a.client_addr IS NOT NULL"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsServer]:
    try:
        programs = find_programs(for_paperround=False)
    except PostgresMissing as reason:
        pytest.skip(str(reason))
    folder = tmp_path_factory.mktemp("tls")
    with running_tls_server(programs, folder, OURS, port=free_port()) as server:
        yield server


@pytest.fixture
def stranger(tmp_path: Path) -> Authority:
    return Authority.make(tmp_path / "stranger")


async def test_sessions_and_the_queue_are_encrypted_with_the_certificate_verified(server: TlsServer) -> None:
    async with (
        Database(server.url) as database,
        database.read_session() as session,
        queue.open_app(server.url, connections=1),
    ):
        await session.connection()
        with psycopg.connect(build_conninfo(server.url)) as connection:
            is_encrypted, number = connection.execute(ENCRYPTED).fetchone()
    assert is_encrypted
    assert number >= 3


REFUSED = {
    "signed by another authority": ("certificate verify failed", "another server"),
    "made for another address": ("does not match host name", "another server"),
    "no certificates to trust": ("does not exist", "sslrootcert"),
    "without TLS": ("no encryption", "sslmode"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_a_connection_that_proves_nothing_is_refused_in_one_sentence_with_advice(
    server: TlsServer, stranger: Authority, case: str
) -> None:
    url = {
        "signed by another authority": server.url_with(stranger),
        "made for another address": server.url_with(server.authority, address="localhost"),
        "no certificates to trust": server.url.replace("authority.crt", "nothing.crt"),
        "without TLS": server.url_with(server.authority, mode="disable"),
    }[case]
    async with Database(url) as database:
        with pytest.raises(Exception) as refused:  # noqa: PT011 - `explain` says what it is
            async with database.read_session() as session:
                await session.connection()
    reason = explain(refused.value)
    words, advice = REFUSED[case]
    assert words in reason.detail
    assert advice in reason.detail
    assert "Check PAPERROUND_DATABASE_URL" not in reason.detail


def test_a_command_ends_with_one_line_where_the_server_is_not_the_one_that_was_named(
    server: TlsServer, stranger: Authority, tmp_path: Path
) -> None:
    done = run(["status"], server.url_with(stranger), tmp_path)
    assert done.returncode == 1
    assert done.stdout + done.stderr == done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert "certificate verify failed" in done.stderr
    assert "another server answers there" in done.stderr


def test_a_database_without_pgvector_is_no_fault_of_ours(server: TlsServer, tmp_path: Path) -> None:
    with psycopg.connect(server.url) as connection:
        query = "SELECT count(*) FROM pg_available_extensions WHERE name = 'vector'"
        if connection.execute(query).fetchone() != (0,):
            pytest.skip("the system's PostgreSQL has pgvector")
    done = run(["db", "upgrade"], server.url, tmp_path)
    assert done.returncode == 1
    assert "pgvector 0.8 or newer" in done.stderr
    assert "bug in Paperround" not in done.stderr


def run(command: list[str], url: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PAPERROUND_DATABASE_URL": url, "PAPERROUND_DATA_DIR": str(folder / "data")}
    return subprocess.run(
        [sys.executable, "-m", "paperround", *command],
        env=os.environ | environment, cwd=folder, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
