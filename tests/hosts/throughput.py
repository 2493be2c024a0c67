"""How much work one, two and three workers do, each on a host of its own."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler

import numpy as np

from paperround import queue
from paperround.database import Database

from hosts.cluster import Cluster
from hosts.scenarios import MAKE_TOPICS, UNMATCHED
from support.socket_server import serving_http
from torture.invariants import lists_not_read, papers_without_vector, unfinished_deliveries
from torture.readers import Readers

WORKERS = ("worker1", "worker2", "worker3")
REAL_PAPERS, PAPERS, TOPICS, DIGESTS = 100, 300, 3000, 1500  # papers are of each of three days
STUB_SECONDS = 50e-6  # what the stand-in of the encoder takes for a character: 0.8 s for 32 abstracts
MAIL_SECONDS = 0.1  # what the mail server takes for a message
DIMENSIONS = 384
TIMEOUT = 600
EMBEDDED = (
    "SELECT count(*) - 32, extract(epoch FROM max(embedded_at) - min(embedded_at)) FROM embeddings "
    "WHERE embedded_at > to_timestamp(%s)"
)
SENT = (
    "SELECT count(*), extract(epoch FROM max(finished_at) - min(started_at)) FROM deliveries "
    "WHERE finished_at > to_timestamp(%s)"
)


@dataclass(frozen=True)
class Rates:
    """What was done a second with so many workers."""

    workers: int
    embedded: float  # papers, by the real encoders on this machine's cores
    embedded_with_stub: float
    matched: float  # topics, each with the papers of one day
    sent: float


def measure(cluster: Cluster) -> list[Rates]:
    """Measure with the real encoders first, then all with a stand-in that takes a fixed time."""
    others = ["encoder1", "encoder2", "clock1", "web1"]
    cluster.feed.grow(20)
    embedded, more = [], []
    with cluster.running(only=[*others, WORKERS[0]]):
        settle(cluster)
        for number, name in enumerate(WORKERS, 1):
            if number > 1:
                cluster.start([name])
            embedded.append(measure_embedding(cluster, number, REAL_PAPERS))
    cluster.execute("DELETE FROM embeddings")  # the stand-in's are others, which would be refused
    with (
        running_stub(cluster.network.gateway) as cluster.encoder_url,
        cluster.running(only=["clock1", "web1", WORKERS[0]]),
    ):
        settle(cluster)
        readers = Readers(cluster)
        for number, name in enumerate(WORKERS, 1):
            if number > 1:
                cluster.start([name])
            embedded_with_stub = measure_embedding(cluster, number, PAPERS)
            matched = measure_matching(cluster, number)
            more.append((embedded_with_stub, matched, measure_sending(cluster, readers, number)))
    return [Rates(n, real, *rest) for n, (real, rest) in enumerate(zip(embedded, more, strict=True), 1)]


def settle(cluster: Cluster) -> None:
    await_true(cluster, lambda: not lists_not_read(cluster) and not papers_without_vector(cluster))


def measure_embedding(cluster: Cluster, workers: int, papers: int) -> float:
    """Papers a second, from the first batch to the last one."""
    began = time.time()
    cluster.feed.grow(papers)
    cluster.execute("UPDATE feed_days SET next_try_at = now() WHERE next_try_at IS NOT NULL")
    add_jobs(cluster, "read_feeds", 1)
    await_true(cluster, lambda: not lists_not_read(cluster))
    add_jobs(cluster, "embed_papers", 4 * workers)
    settle(cluster)
    [(count, seconds)] = cluster.rows(EMBEDDED, began)
    return float(count) / float(seconds)


def measure_matching(cluster: Cluster, workers: int) -> float:
    name = f"measured{workers}"
    cluster.execute("DELETE FROM topics")
    cluster.execute(MAKE_TOPICS.replace("|| n || ' ' ||", "||"), name, "", TOPICS)
    began = time.monotonic()
    add_jobs(cluster, "match_topics", 4 * workers)
    await_true(cluster, lambda: cluster.rows(ALL_UNMATCHED) == [(0,)])
    seconds = time.monotonic() - began
    [(count,)] = cluster.rows("SELECT count(*) FROM topic_days WHERE topic_id IN (SELECT id FROM topics)")
    return float(count) / seconds


def measure_sending(cluster: Cluster, readers: Readers, workers: int) -> float:
    cluster.execute("DELETE FROM topics")
    cluster.sink.seconds_a_message = MAIL_SECONDS
    began = time.time()
    readers.fall_due(DIGESTS)
    add_jobs(cluster, "send_digests", 4 * workers)
    await_true(cluster, lambda: not unfinished_deliveries(cluster))
    cluster.sink.seconds_a_message = 0
    [(count, seconds)] = cluster.rows(SENT, began)
    return float(count) / float(seconds)


ALL_UNMATCHED = UNMATCHED.replace("d.day = (SELECT max(day) FROM listings)", "d.day = l.day").replace(
    "FROM topics t WHERE", "FROM topics t, (SELECT DISTINCT day FROM listings) l WHERE"
)


def add_jobs(cluster: Cluster, name: str, number: int) -> None:
    """Put a job on the queue several times, so that each worker has one."""

    async def add() -> None:
        async with Database(cluster.database_url) as database, database.write_session() as session:
            for _ in range(number):
                await queue.defer(session, name)

    asyncio.run(add())


def await_true(cluster: Cluster, condition: Callable[[], bool]) -> None:
    cluster.until(condition, "the measured work is done", seconds=TIMEOUT)


@contextmanager
def running_stub(address: str) -> Iterator[str]:
    """A stand-in of the encoder, which takes a fixed time and no processor. Yields its address."""

    class Stub(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            time.sleep(STUB_SECONDS * sum(map(len, asked["input"])))
            rows = [direction(text) for text in asked["input"]]
            data = [{"index": n, "embedding": row, "object": "embedding"} for n, row in enumerate(rows)]
            content = json.dumps({"object": "list", "model": asked["model"], "data": data}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with serving_http(Stub, address) as url:
        yield url


def direction(text: str) -> list[float]:
    """A vector that depends on the text alone."""
    chance = np.random.default_rng(list(text.encode()[:64]))
    row = chance.normal(size=DIMENSIONS)
    return [float(value) for value in np.round(row / np.linalg.norm(row), 5)]
