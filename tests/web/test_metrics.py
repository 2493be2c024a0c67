"""`/metrics`: at an address of its own, and not on the site."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from paperround import metrics
from paperround.database import Database
from paperround.web import metrics as web_metrics

from support.factories import feed_record, store_listing
from support.pages import opened
from support.sites import free_port


async def test_numbers_are_served_at_their_own_address_alone(database: Database, database_url: str) -> None:
    await store_listing(database, "2026-03-02", feed_record())
    port = free_port()
    async with opened(database_url, metrics_port=port) as client:
        assert (await client.get("/metrics")).status_code == 404
        answer = await asyncio.to_thread(httpx.get, f"http://127.0.0.1:{port}/metrics", timeout=60)

    assert answer.status_code == 200
    for line in (
        'paperround_deliveries{state="sent"} 0.0',
        'paperround_subscriptions{state="active"} 0.0',
        'paperround_vectors{state="waiting"} 1.0',
        'paperround_jobs{state="failed"} 0.0',
        "paperround_deliveries_planned 0.0",
    ):
        assert line in answer.text


async def test_what_was_noted_is_added_up_for_other_processes_while_the_site_runs_and_when_it_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    histogram, added = metrics.DurationHistogram("a", "Some.", ["label"], registry=None), asyncio.Event()
    bucket = histogram.labels("x")._buckets[0]  # what stands in the folder that processes share
    monkeypatch.setattr(metrics, "HTTP_DURATION", histogram)
    monkeypatch.setattr(web_metrics, "NOTED_FOR", 0.01)

    def increase(number: float) -> None:
        type(bucket).inc(bucket, number)
        added.set()

    monkeypatch.setattr(bucket, "inc", increase)
    async with web_metrics.adding_durations():
        histogram.labels("x").note(0.001)
        await asyncio.wait_for(added.wait(), 60)
        assert bucket.get() == 1
        histogram.labels("x").note(0.001)
    assert bucket.get() == 2
