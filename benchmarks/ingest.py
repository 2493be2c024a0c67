"""How fast recorded days are taken in: papers a second, beside the bare reading of the same answers.

    python benchmarks/ingest.py FOLDER

FOLDER holds lists of the daily feed as `YYYY-MM-DD.json` or `.json.gz`. They are served on loopback with no
rate limit and taken into a fresh database, without embedding. The baseline asks for the same pages at the
same concurrency and parses the JSON, nothing more; the ratio of the two is the figure to quote.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import structlog

from paperround import schema
from paperround.database import Database
from paperround.feeds import backfill, ingestion
from paperround.feeds.huggingface.feed import PAGE_SIZE, open_huggingface
from paperround.postgres import EmbeddedPostgres
from paperround.settings import Settings

RULES = ingestion.IngestionPolicy(reading_interval=timedelta(hours=1), half_life=timedelta(hours=24))


def recorded(folder: Path) -> dict[str, list[object]]:
    days = {}
    for path in sorted(folder.glob("????-??-??.json*")):
        opened = gzip.open if path.suffix == ".gz" else open
        with opened(path, "rt", encoding="utf-8") as file:
            days[path.name[:10]] = json.load(file)
    return days


def serve(days: dict[str, list[object]], port: Connection) -> None:
    pages = {
        (day, n): json.dumps(items[n * PAGE_SIZE : (n + 1) * PAGE_SIZE]).encode()
        for day, items in days.items()
        for n in range(len(items) // PAGE_SIZE + 2)
    }

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            body = pages.get((query["date"][0], int(query["p"][0])), b"[]")
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    port.send(server.server_port)
    server.serve_forever()


@contextmanager
def serving(days: dict[str, list[object]]) -> Iterator[str]:
    """In a process of its own, so that the server's work isn't counted as ours."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=serve, args=(days, theirs), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.terminate()


async def bare(address: str, days: list[date]) -> float:
    """Seconds for asking and parsing alone."""
    started = time.perf_counter()
    waiting = list(days)
    async with httpx.AsyncClient(base_url=address) as client:

        async def reader() -> None:
            while waiting:
                day, number = waiting.pop().isoformat(), 0
                while True:
                    parameters: dict[str, Any] = {"date": day, "p": number, "limit": PAGE_SIZE}
                    answer = await client.get("/api/daily_papers", params=parameters)
                    if not json.loads(answer.content):
                        break
                    number += 1

        await asyncio.gather(*(reader() for _ in range(backfill.MAX_CONCURRENT_READERS)))
    return time.perf_counter() - started


async def taken_in(settings: Settings, url: str, days: list[date]) -> tuple[float, int]:
    """Seconds and papers, `paperround ingest`'s way."""
    async with Database(url, pool_size=2 * backfill.MAX_CONCURRENT_READERS) as database:
        papers = []
        started = time.perf_counter()
        async with open_huggingface(settings, database) as feed:
            missing = await backfill.read_days(
                database, feed, RULES, days, on_reading=lambda reading: papers.append(reading.papers)
            )
        seconds = time.perf_counter() - started
    assert not missing, missing
    return seconds, sum(papers)


def main() -> None:
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    lists = recorded(Path(sys.argv[1]))
    days = [date.fromisoformat(day) for day in lists]
    with tempfile.TemporaryDirectory() as folder, serving(lists) as address:
        Path(folder).chmod(0o755)
        with EmbeddedPostgres(Path(folder) / "data").attached() as postgres:
            schema.upgrade(postgres.owner_url)
            settings = Settings(_env_file=None, huggingface_url=address, feed_rate=0)
            reading = asyncio.run(bare(address, days))
            for name in ("first time", "again, nothing new"):
                seconds, papers = asyncio.run(taken_in(settings, postgres.owner_url, days))
                print(
                    f"{name}: {papers} listings of {len(days)} days in {seconds:.1f} s: "
                    f"{papers / seconds:.0f} a second, {seconds / reading:.1f} times the bare reading "
                    f"({reading:.1f} s)"
                )


if __name__ == "__main__":
    main()
