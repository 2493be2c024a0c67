"""Numbers for Prometheus, at an address of their own: not every reader of the pages need see them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

import structlog
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from paperround import queue
from paperround.database import Database, ReadSession, utc_now
from paperround.digests import ledger
from paperround.embeddings import backfill
from paperround.feeds import status
from paperround.settings import FeedName, Settings

logger = structlog.get_logger(__name__)

PATIENCE: Final = 10  # seconds for a look into the database


def by(name: str, words: str, label: str, values: Mapping[Any, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"paperround_{name}", words, labels=[label])
    for value, number in values.items():
        family.add_metric([str(value)], number)
    return family


async def measured(
    session: ReadSession, feeds: Iterable[FeedName], *, now: datetime
) -> list[GaugeMetricFamily]:
    """What is counted, as it stands now."""
    deliveries = await ledger.ledger(session, now=now, over=None)
    subscriptions = await ledger.subscriptions(session)
    states = {name: await status.state(session, name, now=now) for name in feeds}
    vectors, jobs = await backfill.state(session), await queue.state(session)
    ages = {
        name: (now - state.last_success).total_seconds()
        for name, state in states.items()
        if state.last_success
    }
    return [
        by("deliveries", "Digests by state.", "state", deliveries.counts),
        GaugeMetricFamily("paperround_deliveries_planned", "All of them.", value=deliveries.planned),
        GaugeMetricFamily("paperround_sent_last_minute", "Digests sent.", value=deliveries.sent_lately),
        GaugeMetricFamily("paperround_bounced", "Digests that came back.", value=deliveries.bounced),
        by("subscriptions", "Subscriptions by state.", "state", subscriptions),
        by("feed_age_seconds", "Since a feed was last read well.", "feed", ages),
        by("feed_quarantined", "Unreadable records.", "feed", {n: s.quarantined for n, s in states.items()}),
        by("feed_failing_days", "Days tried again.", "feed", {n: s.failing_days for n, s in states.items()}),
        by("vectors", "Papers by whether they have a vector.", "state", {
            "done": vectors.done, "waiting": vectors.waiting, "refused": vectors.refused,
        }),
        by("jobs", "Jobs by state.", "state", {
            "waiting": jobs.waiting, "running": jobs.running, "failed": jobs.failed,
        }),
    ]  # fmt: skip


class Numbers(Collector):
    """Asked by Prometheus's own thread; looks in the loop of the web process."""

    def __init__(self, database: Database, settings: Settings, loop: asyncio.AbstractEventLoop) -> None:
        self._database, self._feeds, self._loop = database, settings.feeds, loop

    def collect(self) -> Iterator[GaugeMetricFamily]:
        look = asyncio.run_coroutine_threadsafe(self._look(), self._loop)
        yield from look.result(PATIENCE)

    async def _look(self) -> list[GaugeMetricFamily]:
        async with self._database.reading() as session:
            return await measured(session, self._feeds, now=utc_now())

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Nothing, so that registering doesn't look yet."""
        return []


@contextmanager
def serving(database: Database, settings: Settings) -> Iterator[None]:
    """`/metrics` at the settings' own address, if they have one."""
    if not settings.metrics_port:
        yield
        return
    registry = CollectorRegistry()
    registry.register(Numbers(database, settings, asyncio.get_running_loop()))
    server, thread = start_http_server(settings.metrics_port, settings.metrics_host, registry)
    logger.info("metrics", address=f"http://{settings.metrics_host}:{settings.metrics_port}/metrics")
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join(2)
