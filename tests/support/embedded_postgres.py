"""Helpers for tests of the embedded PostgreSQL."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from paperround.postgres import EmbeddedPostgres

CHILD = Path(__file__).parent / "postgres_child.py"
ROOT = os.geteuid() == 0
as_root = pytest.mark.skipif(not ROOT, reason="only root hands PostgreSQL to another user")


def in_memory() -> str | None:
    """Where the thousand small files of a database are made and removed fastest, if there is room."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > 2**30
    return str(memory) if roomy else None


@contextmanager
def scratch(under: str | None = None) -> Iterator[Path]:
    """A folder that the server's user can enter (pytest's own are closed to it when we are root)."""
    folder = Path(tempfile.mkdtemp(prefix="paperround-test-", dir=under))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


class Child:
    """Another process of Paperround on the same data folder."""

    def __init__(self, mode: str, data: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(CHILD), mode, str(data)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )

    def said(self) -> str:
        """Its first line: it is ready."""
        assert self.process.stdout
        line = self.process.stdout.readline().strip()
        assert line, "the child failed"
        return line

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def end(self) -> int:
        if self.process.stdin and not self.process.stdin.closed:
            self.process.communicate()
        return self.process.returncode


def home(postgres: EmbeddedPostgres) -> Path:
    return postgres._home


def data_dir(postgres: EmbeddedPostgres) -> Path:
    return home(postgres).parent


def running(postgres: EmbeddedPostgres) -> int | None:
    return postgres._server.running()


def query(postgres: EmbeddedPostgres, text: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(postgres.superuser_url.replace("+psycopg", ""), autocommit=True) as connection:
        cursor = connection.execute(text)
        return cursor.fetchall() if cursor.description else []


def soon(holds: Callable[[], object], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.02)
