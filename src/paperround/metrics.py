"""What a process measures of its own work, by the names and units that Prometheus asks for.

Every label has few values, all known beforehand: route templates instead of paths, names of jobs, outcomes.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from typing import Final, cast
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, make_wsgi_app
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from paperround.environment import METRICS_FOLDER

logger = structlog.get_logger(__name__)


class DurationHistogram(Histogram):
    """A histogram in which durations can also be noted, which costs next to nothing, and added up later.

    They are part of what is collected. Where several processes share a folder of counts, each has to call
    `add_noted` now and then, since the others see only what was added.
    """

    def _metric_init(self) -> None:
        super()._metric_init()
        self._noted: deque[float] = deque()
        self._adding = threading.Lock()
        self.note = self._noted.append  # from any thread

    def add_noted(self) -> None:
        """Add what was noted under all sets of labels."""
        with self._lock:
            children = cast(list[DurationHistogram], [*self._metrics.values()])
        for durations in children:
            durations._add()

    def _add(self) -> None:
        with self._adding:
            noted = sorted(self._noted.popleft() for _ in range(len(self._noted)))
            if not noted:
                return
            self._sum.inc(sum(noted))
            below = 0
            for bound, bucket in zip(self._upper_bounds, self._buckets, strict=True):
                reached = bisect_right(noted, bound)
                if reached > below:
                    bucket.inc(reached - below)
                below = reached

    def _child_samples(self) -> Iterable[Sample]:
        self._add()
        return super()._child_samples()


REGISTRY: Final = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

HTTP_DURATION: Final = DurationHistogram(
    "paperround_http_request_duration_seconds",
    "From a request's head to the end of the answer, by route template.",
    ["method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=REGISTRY,
)
JOB_DURATION: Final = Histogram(
    "paperround_job_duration_seconds",
    "Runs of jobs, by name and outcome.",
    ["task", "outcome"],
    buckets=(0.01, 0.05, 0.25, 1, 5, 15, 60, 300, 900),
    registry=REGISTRY,
)
ENCODER_DURATION: Final = Histogram(
    "paperround_encoder_request_duration_seconds",
    "Requests of this process to the encoder, tries included.",
    ["outcome"],
    buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 3, 10, 30, 120),
    registry=REGISTRY,
)
PAPERS_EMBEDDED: Final = Counter(
    "paperround_papers_embedded_total", "Papers that this process embedded.", registry=REGISTRY
)
SUMMARIES: Final = Counter(
    "paperround_summaries_total",
    "Papers that this process had summarised, by outcome: made, or why the answer was refused.",
    ["outcome"],
    registry=REGISTRY,
)
TEXT_TOKENS: Final = Counter(
    "paperround_text_tokens_total",
    "Tokens that the text server's model read and wrote for this process.",
    ["direction"],
    registry=REGISTRY,
)
SMTP_DURATION: Final = Histogram(
    "paperround_smtp_duration_seconds",
    "Handing one message to the mail server, by outcome.",
    ["outcome"],
    buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60, 300),
    registry=REGISTRY,
)
CACHE_LOOKUPS: Final = Counter(
    "paperround_cache_lookups_total",
    "Looks into a cache of this process, by whether it had the answer.",
    ["cache", "result"],
    registry=REGISTRY,
)
RATE_LIMITED: Final = Counter(
    "paperround_rate_limited_total", "Attempts beyond a rate limit.", ["limit"], registry=REGISTRY
)


def count_lookups(cache: str, *, hits: int, misses: int) -> None:
    """Count looks into the cache of this name."""
    CACHE_LOOKUPS.labels(cache, "hit").inc(hits)
    CACHE_LOOKUPS.labels(cache, "miss").inc(misses)


@contextmanager
def measure(histogram: Histogram, *labels: str) -> Iterator[None]:
    """Observe how long the block takes. A last label, `outcome`, is added: ok, or the exception's class."""
    started, outcome = time.perf_counter(), "ok"
    try:
        yield
    except BaseException as error:
        outcome = type(error).__name__
        raise
    finally:
        histogram.labels(*labels, outcome).observe(time.perf_counter() - started)


class MetricsServer(ThreadingMixIn, WSGIServer):
    """Answers Prometheus in threads of its own."""

    daemon_threads = True


class QuietHandler(WSGIRequestHandler):
    """Logs no requests."""

    def log_message(self, *_: object) -> None: ...


@contextmanager
def serve(host: str, port: int, *collectors: Collector) -> Iterator[None]:
    """Serve `/metrics`: this process's own and what `collectors` give. Nothing is served on port 0.

    Where several web processes share a folder of counts (`PROMETHEUS_MULTIPROC_DIR`), they share the port
    too, and whichever answers tells of all of them.
    """
    if not port:
        yield
        return
    registry = CollectorRegistry()
    are_several = METRICS_FOLDER in os.environ
    own = MultiProcessCollector(None) if are_several else REGISTRY  # type: ignore[no-untyped-call]
    for collector in (own, *collectors):
        registry.register(collector)
    server = _open_server(host, port, is_shared=are_several)
    server.set_app(make_wsgi_app(registry))
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    logger.info("metrics", address=f"http://{host}:{port}/metrics")
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join(2)


def _open_server(host: str, port: int, *, is_shared: bool) -> MetricsServer:
    family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    variables = {"address_family": family, "allow_reuse_port": is_shared}
    server_class = type("MetricsServer", (MetricsServer,), variables)
    server: MetricsServer = server_class((host, port), QuietHandler)
    return server
