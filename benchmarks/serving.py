"""Running servers and clients for benchmarks: ours, a bare ASGI application, and what asks them."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx

from paperround import schema
from paperround.environment import environment_with
from paperround.postgres import EmbeddedPostgres

CONNECTIONS: Final = 8
START_TIMEOUT: Final = 120  # seconds


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def new_database() -> Iterator[str]:
    """The address of an empty database of ours, which is thrown away."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # as root, PostgreSQL runs as another user
        with EmbeddedPostgres(Path(folder) / "data").attached() as server:
            schema.upgrade(server.owner_url)
            yield server.owner_url


@contextmanager
def running(*command: str, health: str, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process with these settings until the block ends; it is waited for at `health`."""
    child = subprocess.Popen(command, env=environment_with(**settings), stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline and child.poll() is None:
            try:
                httpx.get(health, timeout=5)
                break
            except httpx.TransportError:
                time.sleep(0.05)
        yield child
    finally:
        child.terminate()
        child.wait()


@contextmanager
def our_site(url: str, **settings: str) -> Iterator[str]:
    """The address of a site on the database at `url`, with one web process unless told."""
    port = str(free_port())
    address = f"http://127.0.0.1:{port}"
    given = {
        "database_url": url, "port": port, "search_rate": "0", "encoder_url": "http://127.0.0.1:9",
        "public_url": address,
    }  # fmt: skip
    program = (sys.executable, "-m", "paperround", "web")
    with running(*program, health=f"{address}/healthz", **(given | settings)):
        yield address


def requests_per_second(address: str, seconds: int) -> float:
    """How many answers `CONNECTIONS` clients get in a second. Raises where one is an error."""
    wrk = shutil.which("wrk")
    if wrk is None:
        raise SystemExit("Install wrk: Debian's package has that name.")
    for _ in range(3 * CONNECTIONS):  # whichever process answers has it then
        httpx.get(address)
    command = [wrk, "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", address]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "Non-2xx or 3xx" not in said, said
    found = re.search(r"Requests/sec:\s+([\d.]+)", said)
    assert found, said
    return float(found[1])
