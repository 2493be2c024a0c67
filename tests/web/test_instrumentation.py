"""Requests are measured by route template; nothing that a client makes up becomes a label."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

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


async def test_each_answer_that_was_kept_is_counted_by_its_route(
    database: Database, database_url: str
) -> None:
    await store_listing(database, "2026-03-02", feed_record("2603.00001"))
    addresses = {"/papers/2603.00001": "/papers/{paper_id:path}", "/api/v1/papers?limit=3": "/api/v1/papers"}
    before = counted()
    expected: dict[tuple[str, str, str], float] = {}
    async with opened(database_url) as client:
        for address, route in addresses.items():
            etag = {"If-None-Match": (await client.get(address)).headers["ETag"]}
            for method in ("GET", "GET", "HEAD"):
                assert (await client.request(method, address)).status_code == 200
                assert (await client.request(method, address, headers=etag)).status_code == 304
            expected |= {("GET", route, "200"): 3.0, ("GET", route, "304"): 2.0}
            expected |= {("HEAD", route, "200"): 1.0, ("HEAD", route, "304"): 1.0}
        after = counted()
    changes = {key: after[key] - before.get(key, 0) for key in after}
    assert {key: change for key, change in changes.items() if change} == expected


def test_what_is_noted_is_collected_like_what_is_observed() -> None:
    noted, observed = (
        metrics.DurationHistogram("a", "Some.", ["label"], buckets=(0.5, 1, 2), registry=None)
        for _ in range(2)
    )
    for seconds in (0.5, 0.0, 1.0, 0.75, 2.5, 2.0, 0.25, 1.5):
        noted.labels("x").note(seconds)
        observed.labels("x").observe(seconds)
    observed.labels("y").observe(1)
    noted.labels("y").note(1)

    assert told(noted) == told(noted) == told(observed)
    assert told(noted.labels("x")) == told(observed.labels("x"))


def told(histogram: metrics.DurationHistogram) -> list[tuple[str, dict[str, str], float]]:
    [family] = histogram.collect()
    return [(s.name, s.labels, s.value) for s in family.samples if not s.name.endswith("_created")]


def test_nothing_is_lost_or_counted_twice_while_it_is_collected() -> None:
    histogram = metrics.DurationHistogram("a", "Some.", ["label"], registry=None)
    durations, each = histogram.labels("x"), 5_000

    def note() -> None:
        for _ in range(each):
            durations.note(0.001)

    with ThreadPoolExecutor() as threads:
        noting = [threads.submit(note) for _ in range(4)]
        while not all(work.done() for work in noting):
            list(threads.map(lambda _: histogram.collect(), range(2)))
    for work in noting:
        work.result()
    assert [value for name, _, value in told(histogram) if name == "a_count"] == [4 * each]
