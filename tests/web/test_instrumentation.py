"""Requests are measured by route template; nothing that a client makes up becomes a label."""

from __future__ import annotations

import pytest
from prometheus_client.samples import Sample

from paperround import metrics
from paperround.database import Database

from support.factories import feed_record, store_listing
from support.pages import opened


def counted() -> dict[tuple[str, str, str], float]:
    [family] = metrics.HTTP_DURATION.collect()
    samples: list[Sample] = [sample for sample in family.samples if sample.name.endswith("_count")]
    return {(s.labels["method"], s.labels["route"], s.labels["status"]): s.value for s in samples}


@pytest.mark.parametrize(
    ("method", "path", "labels"),
    [
        ("GET", "/papers/2603.00001", ("GET", "/papers/{paper_id:path}", "200")),
        ("HEAD", "/papers/2603.00001", ("GET", "/papers/{paper_id:path}", "200")),
        ("GET", "/api/v1/papers/2603.00001", ("GET", "/api/v1/papers/{paper_id:path}", "200")),
        ("GET", "/unsubscribe/secret-token", ("GET", "/unsubscribe/{token}", "404")),
        ("GET", "/static/style.css", ("GET", "/static", "200")),
        ("GET", "/no/such/page", ("GET", "none", "404")),
        ("BREW", "/about", ("other", "/about", "405")),
    ],
)
async def test_a_request_is_counted_by_its_route(
    database: Database, database_url: str, method: str, path: str, labels: tuple[str, str, str]
) -> None:
    await store_listing(database, "2026-03-02", feed_record("2603.00001"))
    before = counted()
    async with opened(database_url) as client:
        await client.request(method, path)
    after = counted()
    assert {key for key in after if after[key] != before.get(key, 0)} == {labels}


async def test_a_request_for_another_host_is_counted_without_a_route(database_url: str) -> None:
    before = counted()
    async with opened(database_url) as client:
        await client.get("/about", headers={"Host": "evil.example"})
    after = counted()
    assert {key for key in after if after[key] != before.get(key, 0)} == {("GET", "none", "421")}
