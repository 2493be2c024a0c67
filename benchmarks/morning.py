"""A morning: readers open pages while a list is stored and digests go out, against the same readers alone.

    python benchmarks/morning.py

A thousand readers without an account each open a page every ten seconds, for a minute. Prints a histogram of
the times from the request to the end of the answer.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from batches import store
from figures import Figure, print_table
from serving import new_database, our_site

import digests
from paperround.database import Database
from paperround.resources import give_way

READERS: Final = 1000
PAUSE: Final = 10.0  # seconds between two pages of one reader
PATHS: Final = ("/papers", "/papers/trending", "/feeds/daily.atom", "/api/v1/papers?limit=50")
BUCKETS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)  # milliseconds
PAPERS: Final = 500  # that are taken in meanwhile


class Readings:
    """The times of all pages in milliseconds, and what went wrong."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.failures: Counter[str] = Counter()

    def print_histogram(self, title: str) -> None:
        counts, _ = np.histogram(self.times, (0, *BUCKETS, float("inf")))
        print(f"{title}: {len(self.times):,} pages, failures: {dict(self.failures) or 'none'}")
        for bound, count in zip((*BUCKETS, "more"), counts, strict=True):
            if count:
                print(f"  ≤ {bound!s:>5} ms {count:7,} {'█' * int(60 * count / max(counts))}")


async def read(port: int, path: str, readings: Readings) -> None:
    """Open a page on a connection of its own."""
    began = time.perf_counter()
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read(-1)
        writer.close()
    except OSError as error:
        readings.failures[type(error).__name__] += 1
        return
    status = answer[9:12].decode()
    if status == "200":
        readings.times.append(1000 * (time.perf_counter() - began))
    else:
        readings.failures[status] += 1


async def read_all(port: int, seconds: float, readers: int) -> Readings:
    readings, dice, end = Readings(), random.Random(3), time.monotonic() + seconds

    async def behave(delay: float) -> None:
        await asyncio.sleep(delay)
        while time.monotonic() < end:
            await read(port, dice.choice(PATHS), readings)
            await asyncio.sleep(PAUSE * dice.uniform(0.8, 1.2))

    pause = min(PAUSE, seconds)
    await asyncio.gather(*(behave(dice.uniform(0, pause)) for _ in range(readers)))
    return readings


async def warm_up(port: int) -> None:
    """Open each page, so that the first renderings of a new process are not the slowest hundredth."""
    for path in PATHS:
        await read(port, path, Readings())


def work(url: str, port: int, number: int, papers: int) -> None:
    """Store a list and send digests, as a worker does."""
    give_way()
    asyncio.run(store(url, papers))
    asyncio.run(digests.send_all(url, port, number))


async def fill(url: str, number: int) -> None:
    async with Database(url) as database:
        await digests.fill(database, number)


def measure(*, fast: bool) -> Iterator[Figure]:
    """Yield how much longer the slowest hundredth of the pages takes."""
    seconds, readers, number = (1.0, 20, 20) if fast else (60.0, READERS, 5_000)
    with new_database() as url, digests.sink() as mail_port:
        asyncio.run(fill(url, number))
        with our_site(url) as site:
            port = int(site.rpartition(":")[2])
            asyncio.run(warm_up(port))
            alone = asyncio.run(read_all(port, seconds, readers))
            arguments = (url, mail_port, number, 25 if fast else PAPERS)
            worker = multiprocessing.get_context("spawn").Process(target=work, args=arguments)
            worker.start()
            busy = asyncio.run(read_all(port, seconds, readers))
            worker.join()
    if not fast:
        alone.print_histogram("alone")
        busy.print_histogram("with a list and digests")
    yield Figure("a morning, p99", p99(busy.times), p99(alone.times), "ms", "the readers alone", at_most=5)
    yield Figure("a morning, failures", sum(busy.failures.values()), 1, "", "none may be", at_most=0)


def p99(times: Sequence[float]) -> float:
    return float(np.percentile(times, 99)) if times else float("inf")


if __name__ == "__main__":
    print_table(measure(fast=False), are_judged=True)
