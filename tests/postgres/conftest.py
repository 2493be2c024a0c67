"""Fixtures of the embedded PostgreSQL."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from paperround.postgres import EmbeddedPostgres
from paperround.postgres.folders import socket_path

from support.embedded_postgres import Child, home, in_memory, query, running, scratch


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
