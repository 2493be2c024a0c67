"""What the processes need: memory of each, the time to the first page, and what a second web process brings.

python benchmarks/processes.py
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx
from figures import Figure, print_table
from invented import fill
from serving import free_port, new_database, our_site, requests_per_second

from paperround.database import Database
from paperround.environment import environment_with
from paperround.resources import usable_cores

PROGRAM: Final = (sys.executable, "-m", "paperround")
# Peak megabytes that belong to a process, its share of what several use counted.
MEMORY_GOALS: Final = {"up": 60, "clock": 60, "worker": 110, "web": 120}
HELP_SECONDS: Final = 0.4
FIRST_PAGE_SECONDS: Final = 4.0


def read_memory(process: int) -> float:
    """Megabytes that a process has for itself, with its share of what it has together with others."""
    for line in Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


def find_processes(environment: dict[str, str]) -> dict[str, list[int]]:
    """The processes of this `up` by their command's name, found by their data folder."""
    found: dict[str, list[int]] = {}
    mark = environment["PAPERROUND_DATA_DIR"].encode()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (entry / "cmdline").read_bytes().split(b"\0")
            is_ours = mark in (entry / "environ").read_bytes()
        except OSError:
            continue
        if is_ours and b"paperround" in arguments:
            name = arguments[arguments.index(b"paperround") + 1].decode()
            found.setdefault(name, []).append(int(entry.name))
    return found


@contextmanager
def running_up(environment: dict[str, str], port: str) -> Iterator[float]:
    """Run `up` until the block ends. Gives the seconds to its first page."""
    began = time.monotonic()
    process = subprocess.Popen([*PROGRAM, "up"], env=environment, stderr=subprocess.DEVNULL)
    try:
        while time.monotonic() < began + 120:
            try:
                httpx.get(f"http://127.0.0.1:{port}/papers", timeout=60).raise_for_status()
                break
            except httpx.HTTPError:
                time.sleep(0.02)
        yield time.monotonic() - began
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def measure_up(*, fast: bool) -> Iterator[Figure]:
    """Yield the time to the first page on stored data, and the memory of each process after a while."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        port = str(free_port())
        nowhere = "http://127.0.0.1:9"
        environment = environment_with(
            data_dir=f"{folder}/data", port=port, huggingface_url=nowhere, encoder_url=nowhere
        )
        if not fast:
            with running_up(environment, port):  # so that there are stored data
                pass
        with running_up(environment, port) as seconds:
            yield Figure("first page of `up`", seconds, FIRST_PAGE_SECONDS, "s", "the goal", at_most=1)
            time.sleep(0 if fast else 20)
            for name, processes in find_processes(environment).items():
                if name in MEMORY_GOALS:
                    most = max(map(read_memory, processes))
                    yield Figure(f"memory of {name}", most, MEMORY_GOALS[name], "MiB", "the goal", at_most=1)


def measure_help() -> Figure:
    times = []
    for _ in range(3):
        began = time.perf_counter()
        subprocess.run([*PROGRAM, "--help"], stdout=subprocess.DEVNULL, check=True)
        times.append(time.perf_counter() - began)
    return Figure("paperround --help", min(times), HELP_SECONDS, "s", "the goal", at_most=1)


def measure_two(*, papers: int, seconds: int) -> Figure:
    """Measure what two web processes answer, against one. Nothing is kept, so the client needs little."""

    async def prepare() -> None:
        async with Database(url) as database:
            await fill(database, papers)

    with new_database() as url:
        asyncio.run(prepare())
        rates = []
        for count in ("1", "2"):
            with our_site(url, web_processes=count, cache_megabytes="0") as site:
                rates.append(requests_per_second(f"{site}/papers", seconds))
    return Figure("two web processes, nothing kept", rates[1], rates[0], "1/s", "one", at_least=1.6)


def measure(*, fast: bool) -> Iterator[Figure]:
    """Yield the figures of the processes."""
    yield measure_help()
    yield from measure_up(fast=fast)
    if usable_cores() > 1 and shutil.which("wrk"):
        yield measure_two(papers=50 if fast else 1000, seconds=1 if fast else 5)


if __name__ == "__main__":
    os.environ.setdefault("PAPERROUND_LOG_FORMAT", "text")
    print_table(measure(fast=False), are_judged=True)
