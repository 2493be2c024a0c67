"""/api/v1/papers: which papers a list holds, its order, and its cursors."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from paperround.database import Database
from paperround.papers.editions import ListPosition, Sort
from paperround.web import cursor

from support.api import LISTS, assert_problem, ids, listing
from support.factories import feed_record, store_listing, utc


@pytest.fixture
def client(site: str) -> Iterator[httpx.Client]:
    """The site with three days of papers: 60 on 2 March, 3 on the 3rd, 6 on the 6th."""
    with httpx.Client(base_url=site, timeout=60) as client:
        yield client


@pytest.mark.parametrize(
    ("asked", "count"),
    [
        ({}, 69),
        ({"date": "2026-03-02"}, 60),
        ({"date": "2026-03-04"}, 0),
        ({"week": "2026-W10"}, 69),
        ({"month": "2026-03"}, 69),
        ({"month": "2026-04"}, 0),
        ({"from": "2026-03-03"}, 9),
        ({"to": "2026-03-03"}, 63),
        ({"from": "2026-03-03", "to": "2026-03-05"}, 3),
        ({"from": "2026-03-06", "to": "2026-03-06"}, 6),
    ],
)
def test_days_choose_the_papers(client: httpx.Client, asked: dict[str, str], count: int) -> None:
    assert len(listing(client, **asked)) == count


@pytest.mark.parametrize("limit", [1, 7, 59, 60, 61, 100])
@pytest.mark.parametrize("sort", ["upvotes", "trending", "published"])
def test_the_pages_of_a_list_hold_every_paper_once_in_order(
    client: httpx.Client, sort: str, limit: int
) -> None:
    found = listing(client, date="2026-03-02", sort=sort, limit=limit)

    assert sorted(ids(found)) == [f"2603.{n:05}" for n in range(1, 61)]
    field = {"upvotes": "upvotes", "trending": "heat", "published": "published_at"}[sort]
    assert found == sorted(sorted(found, key=lambda p: p["id"]), key=lambda p: p[field], reverse=True)


def test_an_edition_is_by_votes_and_all_papers_by_publication_unless_asked(client: httpx.Client) -> None:
    assert listing(client, month="2026-03") == listing(client, month="2026-03", sort="upvotes")
    assert listing(client) == listing(client, sort="published")


def test_a_list_ends_without_a_cursor_even_when_its_last_page_is_full(client: httpx.Client) -> None:
    assert client.get(LISTS, params={"date": "2026-03-06", "limit": 6}).json()["next"] is None


def test_a_list_goes_on_where_it_was_though_its_last_paper_is_gone(
    web: httpx.Client, database_url: str
) -> None:
    async def put(*numbers: int) -> None:
        async with Database(database_url) as database:
            await store_listing(
                database, "2026-03-02", *(feed_record(f"2603.{n:05}", paper__upvotes=n) for n in numbers)
            )

    asyncio.run(put(1, 2, 3, 5, 6))
    first = web.get(LISTS, params={"date": "2026-03-02", "limit": 2}).json()
    asyncio.run(put(4, 7))
    second = web.get(LISTS, params={"date": "2026-03-02", "limit": 2, "cursor": first["next"]}).json()

    assert ids(first["papers"]) == ["2603.00006", "2603.00005"]
    assert ids(second["papers"]) == ["2603.00004", "2603.00003"]


@pytest.mark.parametrize(
    "asked",
    [
        {"date": "2026-03-02", "week": "2026-W10"},
        {"week": "2026-W10", "month": "2026-03"},
        {"date": "2026-03-02", "from": "2026-03-01"},
        {"month": "2026-03", "to": "2026-03-02"},
    ],
)
def test_days_named_twice_are_refused(client: httpx.Client, asked: dict[str, str]) -> None:
    assert_problem(client.get(LISTS, params=asked), 400, "Give one of date, week and month, or from and to.")


def test_days_the_wrong_way_round_are_refused(client: httpx.Client) -> None:
    asked = {"from": "2026-03-03", "to": "2026-03-02"}
    assert_problem(client.get(LISTS, params=asked), 400, "`from` is after `to`.")


@pytest.mark.parametrize(
    "value", ["", "today", "2026-02-29", "2026-3-2", "20260302", "0000-01-01", "٢٠٢٦-٠٣-٠٢"]
)
@pytest.mark.parametrize("name", ["date", "from", "to"])
def test_what_is_not_a_day_is_refused(client: httpx.Client, name: str, value: str) -> None:
    assert_problem(client.get(LISTS, params={name: value}), 400, "is not a date such as 2025-10-29")


@pytest.mark.parametrize(
    "asked", [{"week": "2026-W54"}, {"week": "2026-W00"}, {"month": "2026-13"}, {"month": "2026-00"}]
)
def test_what_is_not_a_week_or_month_is_refused(client: httpx.Client, asked: dict[str, str]) -> None:
    assert_problem(client.get(LISTS, params=asked), 400, "is not a")


@pytest.mark.parametrize("asked", [{"date": "0001-01-01"}, {"date": "9999-12-31"}, {"week": "0001-W01"}])
def test_the_ends_of_the_calendar_are_empty(client: httpx.Client, asked: dict[str, str]) -> None:
    assert listing(client, **asked) == []


@pytest.mark.parametrize(
    "asked",
    [
        {"limit": 0},
        {"limit": 101},
        {"limit": -1},
        {"limit": "ten"},
        {"limit": "9" * 300},
        {"sort": "loudest"},
        {"sort": ""},
        {"cursor": "x" * 501},
    ],
)
def test_what_is_out_of_bounds_is_refused(client: httpx.Client, asked: dict[str, Any]) -> None:
    assert_problem(client.get(LISTS, params=asked), 400, next(iter(asked)))


def crafted(*parts: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


CRAFTED = {
    "not base64": "!",
    "one letter": "a",
    "not ASCII": "é",
    "not JSON": base64.urlsafe_b64encode(b"{").decode(),
    "not UTF-8": base64.urlsafe_b64encode(b"\xff\xfe\xfd").decode(),
    "deep": base64.urlsafe_b64encode(b"[" * 300).decode(),
    "no list": base64.urlsafe_b64encode(b"1").decode(),
    "short": crafted("upvotes", 1),
    "other order": crafted("trending", 1.5, "2603.00001"),
    "text for a number": crafted("upvotes", "1", "2603.00001"),
    "boolean": crafted("upvotes", True, "2603.00001"),
    "too large": crafted("upvotes", 2**31, "2603.00001"),
    "negative": crafted("upvotes", -1, "2603.00001"),
    "no id": crafted("upvotes", 1, None),
    "not an id": crafted("upvotes", 1, "' OR 1=1"),
    "NUL": crafted("upvotes", 1, "2603.0\0001"),
    "lone surrogate": crafted("upvotes", 1, "\ud800"),
}


@pytest.mark.parametrize("cursor", CRAFTED.values(), ids=CRAFTED.keys())
def test_a_cursor_that_we_did_not_give_is_refused(client: httpx.Client, cursor: str) -> None:
    asked = {"date": "2026-03-02", "sort": "upvotes", "cursor": cursor}
    assert_problem(client.get(LISTS, params=asked), 400, "not one that we gave")


@pytest.mark.parametrize(
    ("sort", "key"),
    [
        ("trending", float("nan")),
        ("trending", float("inf")),
        ("trending", 10**320),
        ("trending", "1"),
        ("published", 1),
        ("published", "2026-03-02"),
        ("published", "2026-03-02T00:00:00"),
        ("published", "0001-01-01T00:00:00+01:00"),
        ("published", "9999-12-31T23:59:59-01:00"),
    ],
)
def test_a_crafted_key_is_refused(client: httpx.Client, sort: str, key: float | str) -> None:
    asked = {"sort": sort, "cursor": crafted(sort, key, "2603.00001")}
    assert_problem(client.get(LISTS, params=asked), 400, "not one that we gave")


@pytest.mark.parametrize("offset", ["+23:59", "-23:59:59.999999"])
def test_a_cursor_s_time_may_have_any_offset_that_python_knows(client: httpx.Client, offset: str) -> None:
    """PostgreSQL refuses such offsets."""
    key = f"2026-03-04T00:00:00{offset}"
    assert len(listing(client, sort="published", cursor=crafted("published", key, "2603.00001"))) == 69


def test_cursors_survive_the_way_there_and_back() -> None:
    keys: dict[str, Any] = {"upvotes": 3, "trending": 0.1 + 0.2, "published": utc("2026-03-02 01:02")}
    for sort, key in keys.items():
        place = ListPosition(key, "astro-ph/0601001")
        assert cursor.decode(Sort(sort), cursor.encode(Sort(sort), place)) == place
