"""What is costly is bounded: how often one network may ask for it, and how long a statement may take."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import text

from paperround import shared_counts
from paperround.database import Database
from paperround.settings import Settings
from paperround.web import app
from paperround.web.security import costs
from paperround.web.security.costs import WINDOW, CostlyRequests

from support.api import assert_problem
from support.factories import utc
from support.pages import TODAY, Page, opened, three_days
from support.people import ADA, sign_in_browser

COSTLY = [
    ("GET", "/papers?q=gradients"),
    ("GET", "/papers?q="),
    ("GET", "/api/v1/search?q=gradients"),
    ("GET", "/api/papers/search?q=gradients"),
    ("GET", "/feeds/search.atom?q=gradients"),
    ("GET", "/api/v1/papers/2603.00001/similar"),
    ("POST", "/api/v1/match"),
]


@pytest.fixture
async def site(database_url: str, database: Database) -> AsyncIterator[httpx.AsyncClient]:
    await three_days(database)
    async with opened(database_url, search_rate=2, trusted_proxies="127.0.0.0/8") as client:
        yield client


async def ask(
    client: httpx.AsyncClient, method: str, address: str, network: str = "192.0.2"
) -> httpx.Response:
    headers = {"X-Forwarded-For": f"{network}.{len(address)}"}
    json = {"text": "gradients"} if method == "POST" else None
    return await client.request(method, address, headers=headers, json=json)


@pytest.mark.parametrize(("method", "address"), COSTLY)
async def test_one_network_may_search_so_often_and_others_still_may(
    site: httpx.AsyncClient, method: str, address: str
) -> None:
    for _ in range(2):
        assert (await ask(site, "GET", "/api/v1/search?q=rivers")).status_code == 200
    refused = await ask(site, method, address)

    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "60")
    assert "At most 2 searches" in refused.text
    assert (await ask(site, method, address, "198.51.100")).status_code == 200
    assert (await ask(site, "GET", "/papers")).status_code == 200


async def test_previews_are_counted_too(database_url: str, database: Database) -> None:
    await three_days(database)
    async with opened(database_url, search_rate=1) as browser:
        ada = await sign_in_browser(browser, database, ADA, now=utc(TODAY))
        form = ada.form(words="gradients", do="preview")
        answers = [await browser.post("/topics/new", data=form) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 429]


def test_counts_last_a_minute_and_are_those_of_all_processes_of_a_machine() -> None:
    now = [WINDOW.total_seconds() * 1000]
    file = shared_counts.create_file(2)
    one, other = (
        CostlyRequests(shared_counts.open_file(file, member, 2), lambda: now[0]) for member in (0, 1)
    )
    assert [one.count("a"), other.count("a"), one.count("b")] == [1, 2, 1]
    now[0] += WINDOW.total_seconds() - 1
    assert one.count("a") == 3
    now[0] += 1
    assert [one.count("a"), other.count("a")] == [1, 2]
    os.close(file)


def test_there_is_a_limit_unless_the_operator_wants_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PAPERROUND_SEARCH_RATE")

    assert Settings(_env_file=None).search_rate == 120


async def test_a_statement_that_takes_too_long_is_given_up(
    database_url: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody holds a lock, as a query over too much would hold the connection."""
    await three_days(database)
    monkeypatch.setattr(app, "STATEMENT_TIMEOUT", timedelta(milliseconds=300))
    async with opened(database_url) as client:
        async with database.write_session() as session:
            await session.execute(text("LOCK TABLE listings, papers"))
            page, api = await client.get("/papers"), await client.get("/api/v1/papers")
        after = await client.get("/papers")

    assert_problem(api, 503, "took the database too long")
    assert (page.status_code, page.headers["Retry-After"]) == (503, "60")
    assert "took the database too long" in Page(page).text
    assert after.status_code == 200


async def test_no_session_of_the_web_waits_for_ever(database_url: str) -> None:
    async with opened(database_url) as client:
        used: Database = client._transport.app.state.database  # type: ignore[attr-defined]
        async with used.read_session() as session:
            shown = [
                await session.scalar(text(f"SHOW {name}"))
                for name in ("statement_timeout", "idle_in_transaction_session_timeout")
            ]

    assert shown == ["10s", "30s"]


async def test_searches_beyond_a_few_wait_or_are_told_to_come_back_and_nothing_else_waits(
    database_url: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody holds a lock on what searches read, as a heavy query would hold the database."""
    await three_days(database)
    monkeypatch.setattr(costs, "MAX_WAIT", 300)
    number = costs.MAX_AT_ONCE + costs.MAX_WAITING + 3
    async with opened(database_url, search_rate=0) as client:
        async with database.write_session() as session:
            await session.execute(text("LOCK TABLE papers"))
            searches = [
                asyncio.create_task(client.get(f"/api/v1/search?q=gradients+{n}")) for n in range(number)
            ]
            refused, under_way = await wait_for_refusals(searches, 3)
            assert (await client.get("/healthz")).status_code == 200
        answers = await asyncio.gather(*under_way)

    assert {answer.status_code for answer in answers} == {200}
    for answer in refused:
        assert answer.headers["Retry-After"] == "5"
        assert_problem(answer, 503, "Too many searches")


async def wait_for_refusals(
    searches: list[asyncio.Task[httpx.Response]], number: int
) -> tuple[list[httpx.Response], set[asyncio.Task[httpx.Response]]]:
    """Wait until so many searches were answered, and give their answers and the others."""
    under_way, done = set(searches), set[asyncio.Task[httpx.Response]]()
    async with asyncio.timeout(60):
        while len(done) < number:
            ended, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
            done |= ended
    return [task.result() for task in done], under_way


async def test_whoever_waited_too_long_gives_up_their_place_in_the_queue(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(costs, "MAX_WAIT", 0.01)
    work = costs.CostlyWork(1)
    await work.begin()
    for _ in range(costs.MAX_WAITING + 1):
        with pytest.raises(costs.CostlyWorkRefused):
            await work.begin()
    work.end()
    await work.begin()
