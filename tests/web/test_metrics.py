"""`/metrics`: at an address of its own, and not on the site."""

from __future__ import annotations

import asyncio

import httpx

from paperround.database import Database

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
