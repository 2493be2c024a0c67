"""Databases on the run's PostgreSQL server: a migrated template, and copies of it for each test."""

from __future__ import annotations

import asyncio
import fcntl
import re
import shutil
import tempfile
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from paperround import schema
from paperround.database import Database
from paperround.database_roles import DatabaseUrls, grant_access
from paperround.postgres import EmbeddedPostgres
from paperround.postgres.roles import OWNER, SERVING

from support.log_watch import watch

TEMPLATE = "paperround_template"
EXTENSION = "CREATE EXTENSION IF NOT EXISTS vector"  # which the superuser alone may make
MAX_UNDROPPED_DATABASES = 3

_undropped_databases: deque[str] = deque()


def run_sql(url: str, *statements: sql.Composable | str) -> None:
    """Run statements one by one, each in a transaction of its own."""
    address = url.replace("postgresql+psycopg://", "postgresql://")
    with psycopg.connect(address, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)  # type: ignore[arg-type]


def database_named(url: str, name: str) -> str:
    """The address of another database on the server of `url`."""
    return url.replace("/paperround?", f"/{name}?")


def as_role(url: str, role: str) -> str:
    """The address `url` as another role."""
    return re.sub("://paperround(_[a-z]+)?@", f"://{role}@", url)


def serving_url(url: str) -> str:
    """The address `url` as the role of the processes that serve."""
    return as_role(url, SERVING)


@contextmanager
def new_database(server: str, template: str = TEMPLATE) -> Iterator[str]:
    """The address of a new copy of `template`, as its owner.

    The copy is dropped some tests later, because PostgreSQL sleeps for a tenth of a second when a connection
    to the database that it drops is only just ending.
    """
    name = f"test_{uuid.uuid4().hex[:16]}"
    surplus = len(_undropped_databases) - MAX_UNDROPPED_DATABASES
    expired = [_undropped_databases.popleft() for _ in range(surplus)]
    run_sql(
        server,
        *(f"DROP DATABASE {old} WITH (FORCE)" for old in expired),
        f"CREATE DATABASE {name} TEMPLATE {template} OWNER {OWNER} STRATEGY file_copy",
    )
    if template == "template0":
        run_sql(database_named(server, name), EXTENSION)
    yield as_role(database_named(server, name), OWNER)
    _undropped_databases.append(name)


@contextmanager
def filled_template(server: str, fill: Callable[[Database], Awaitable[object]]) -> Iterator[str]:
    """The name of a template with what `fill` stores, for tests that begin with the same rows."""
    with new_database(server) as url:
        asyncio.run(_fill(url, fill))
        yield str(make_url(url).database)


@contextmanager
def read_only_database(server: str, fill: Callable[[Database], Awaitable[object]]) -> Iterator[str]:
    """The address of a database with what `fill` stores. The server refuses writes, so tests can share it."""
    with filled_template(server, fill) as name:
        run_sql(server, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        yield as_role(database_named(server, name), OWNER)


async def _fill(url: str, fill: Callable[[Database], Awaitable[object]]) -> None:
    async with Database(url) as database:
        await fill(database)


@contextmanager
def running_server(run: str) -> Iterator[str]:
    """The superuser's address of a real server with a migrated template, shared by the processes of a run."""
    folder = _run_folder(run)
    with EmbeddedPostgres(folder / "data").attached() as postgres:
        with _locked(folder / "template.lock"):
            if not (folder / "template.done").exists():
                superuser = postgres.superuser_url
                run_sql(superuser, "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")
                run_sql(superuser, f"CREATE DATABASE {TEMPLATE} OWNER {OWNER}")
                run_sql(database_named(superuser, TEMPLATE), EXTENSION)
                owner = database_named(postgres.owner_url, TEMPLATE)
                schema.upgrade(owner)
                grant_access(DatabaseUrls(serving_url(owner), owner))
                (folder / "template.done").touch()
        yield postgres.superuser_url
    with _locked(folder / "template.lock"):
        is_last_user = not _is_in_use(folder)
    if is_last_user:
        watch.read((folder / "data/postgres/log").read_text(errors="replace"))
        shutil.rmtree(folder, ignore_errors=True)
        leaks = watch.take_leaks()
        assert not leaks, "\n".join(["The server logged what persons sent:", *leaks])


def _run_folder(run: str) -> Path:
    """One folder for all processes of a test run, in memory where there is room."""
    memory = Path("/dev/shm")
    has_room = memory.is_dir() and shutil.disk_usage(memory).free > 2**30
    folder = (memory if has_room else Path(tempfile.gettempdir())) / f"paperround-tests-{run}"
    folder.mkdir(mode=0o755, exist_ok=True)
    return folder


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    with file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _is_in_use(folder: Path) -> bool:
    with (folder / "data" / "postgres" / "users").open("w") as users:
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
