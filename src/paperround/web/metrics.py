"""Metrics for Prometheus, served at their own address, since not every visitor should see them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from typing import Any, Final

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from paperround import metrics, queue
from paperround.database import Database, ReadSession, utc_now
from paperround.digests import ledger
from paperround.embeddings.state import load_embedding_state
from paperround.feeds import status
from paperround.library import submission_fetcher
from paperround.papers import removal
from paperround.settings import FeedName, Settings
from paperround.summaries.state import load_summary_state

COLLECTION_TIMEOUT: Final = 10  # seconds for the database queries
NOTED_FOR: Final = 1.0  # seconds at most until the duration of a kept answer is added up


def gauge_by_label(name: str, words: str, label: str, values: Mapping[Any, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"paperround_{name}", words, labels=[label])
    for value, number in values.items():
        family.add_metric([str(value)], number)
    return family


async def collect_gauges(
    session: ReadSession, feeds: Iterable[FeedName], *, now: datetime
) -> list[GaugeMetricFamily]:
    """Read all metrics from the database as they are at `now`."""
    deliveries = await ledger.count_deliveries(session, now=now, window=None)
    subscriptions = await ledger.count_subscriptions(session)
    states = {name: await status.load_feed_status(session, name, now=now) for name in feeds}
    lags = {name: state.lag.total_seconds() for name, state in states.items()}
    job_ages = await queue.load_oldest_ages(session)
    vectors, jobs = await load_embedding_state(session), await queue.load_queue_state(session)
    papers = {
        "catalogued": vectors.done + vectors.waiting + vectors.refused,
        "removed": await removal.count_removed(session),
        "submitted": await submission_fetcher.count_waiting(session),
    }
    ages = {
        name: (now - state.last_success).total_seconds()
        for name, state in states.items()
        if state.last_success
    }
    return [
        gauge_by_label("deliveries", "Digests by state.", "state", deliveries.counts),
        GaugeMetricFamily("paperround_deliveries_planned", "All of them.", value=deliveries.planned),
        GaugeMetricFamily("paperround_sent_last_minute", "Digests sent.", value=deliveries.sent_last_minute),
        GaugeMetricFamily("paperround_bounced", "Digests that came back.", value=deliveries.bounced),
        gauge_by_label("subscriptions", "Subscriptions by state.", "state", subscriptions),
        gauge_by_label("feed_age_seconds", "Since a feed was last read successfully.", "feed", ages),
        gauge_by_label("feed_lag_seconds", "How late the day is that was due first.", "feed", lags),
        gauge_by_label("papers", "Papers by state.", "state", papers),
        gauge_by_label("oldest_job_age_seconds", "Since the oldest job was added.", "state", job_ages),
        gauge_by_label(
            "feed_quarantined", "Unreadable records.", "feed", {n: s.quarantined for n, s in states.items()}
        ),
        gauge_by_label(
            "feed_failing_days", "Days tried again.", "feed", {n: s.failing_days for n, s in states.items()}
        ),
        gauge_by_label(
            "vectors",
            "Papers by whether they have a vector.",
            "state",
            {
                "done": vectors.done,
                "waiting": vectors.waiting,
                "refused": vectors.refused,
            },
        ),
        gauge_by_label(
            "jobs",
            "Jobs by state.",
            "state",
            {
                "waiting": jobs.waiting,
                "running": jobs.running,
                "failed": jobs.failed,
            },
        ),
    ]


async def collect_summary_gauges(
    session: ReadSession, settings: Settings, *, now: datetime
) -> list[GaugeMetricFamily]:
    """Read how summaries go; nothing where no server is set."""
    state = await load_summary_state(session, settings, now=now)
    if state is None:
        return []
    papers = {"made": state.made, "waiting": state.waiting, "refused": state.refused_count}
    return [
        gauge_by_label("text_state", "Texts on papers and matches by their state.", "state", papers),
        gauge_by_label("summaries_refused", "Refused ones, by reason.", "reason", state.refused),
        GaugeMetricFamily(
            "paperround_text_papers_today", "Papers of today's limit.", value=state.papers_today
        ),
        GaugeMetricFamily("paperround_text_daily_limit", "Papers a day at most.", value=state.daily_limit),
    ]


class MetricsCollector(Collector):
    """Collects metrics in Prometheus's own thread; the queries run in the web process's event loop."""

    def __init__(self, database: Database, settings: Settings, loop: asyncio.AbstractEventLoop) -> None:
        self._database, self._settings, self._loop = database, settings, loop

    def collect(self) -> Iterator[GaugeMetricFamily]:
        look = asyncio.run_coroutine_threadsafe(self._look(), self._loop)
        yield from look.result(COLLECTION_TIMEOUT)

    async def _look(self) -> list[GaugeMetricFamily]:
        async with self._database.read_session() as session:
            now, settings = utc_now(), self._settings
            return [
                *await collect_gauges(session, settings.feeds, now=now),
                *await collect_summary_gauges(session, settings, now=now),
            ]

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Return nothing, so that registering the collector does not query the database."""
        return []


@asynccontextmanager
async def adding_durations() -> AsyncIterator[None]:
    """Add up each second, and at the end, what was noted of requests, for whichever process tells of it."""

    async def add_each_second() -> None:
        while True:
            await asyncio.sleep(NOTED_FOR)
            metrics.HTTP_DURATION.add_noted()

    task = asyncio.create_task(add_each_second(), name="durations of requests")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
        metrics.HTTP_DURATION.add_noted()


@contextmanager
def serve_metrics(database: Database, settings: Settings) -> Iterator[None]:
    """Serve `/metrics` at the address in the settings, if there is one."""
    collector = MetricsCollector(database, settings, asyncio.get_running_loop())
    with metrics.serve(settings.metrics_host, settings.metrics_port, collector):
        yield
