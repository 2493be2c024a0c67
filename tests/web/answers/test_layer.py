"""Answers are kept for everybody, and nobody can tell but by their speed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi.dependencies.models import Dependant

from paperround.database import Database, utc_now
from paperround.papers.versions import MAX_AGE, Version
from paperround.settings import Settings
from paperround.web.answers.cache import AnswerCache
from paperround.web.answers.layer import LIFE, Answers
from paperround.web.answers.request import MAX_VALUE_LENGTH, PARAMETERS, PATHS, TOLD
from paperround.web.app import Site as Application
from paperround.web.security.costs import COSTLY

from support.factories import feed_record, store_listing
from support.pages import app_routes, opened, three_days
from support.people import ADA, sign_in_browser
from support.sites import running_site

ADDRESSES = [
    "/papers", "/papers?category=", "/papers/date/2026-03-02", "/papers/date/2026-03-02?category=cs.CL",
    "/papers/week/2026-W10", "/papers/month/2026-03", "/papers/trending", "/papers/2603.00001",
    "/papers/2603.00001.md", "/papers/2603.00001.bib", "/papers/2603.00001.ris", "/papers?q=gradients",
    "/papers/astro-ph/0601001", "/api/v1/papers", "/api/v1/papers?limit=2&sort=trending",
    "/api/v1/papers/2603.00001", "/api/v1/papers/2603.00001/signals", "/api/v1/papers/2603.00001/similar",
    "/api/v1/search?q=gradients", "/api/v1/feeds", "/api/daily_papers?limit=50", "/api/papers",
    "/api/papers/search?q=gradients", "/api/papers/2603.00001", "/feeds/daily.atom", "/feeds/daily.json",
    "/feeds/trending.atom", "/feeds/search.atom?q=gradients", "/about", "/docs", "/openapi.json",
    "/subscribe", "/sitemap.xml", "/robots.txt",
]  # fmt: skip
UNLIKE = ("x-request-id",)


def told(answer: httpx.Response) -> tuple[int, dict[str, str], bytes]:
    headers = {name: value for name, value in answer.headers.items() if name not in UNLIKE}
    return answer.status_code, headers, answer.content


@pytest.fixture
async def kept(database: Database, database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """A site that keeps its answers, with three days of papers."""
    await three_days(database)
    async with opened(database_url) as client:
        yield client


def cache_of(client: httpx.AsyncClient) -> AnswerCache:
    app = client._transport.app  # type: ignore[attr-defined]
    assert isinstance(app, Application)
    assert app.answers.cache is not None
    return app.answers.cache


async def test_kept_or_not_an_answer_is_the_same_to_the_byte(
    kept: httpx.AsyncClient, database_url: str
) -> None:
    async with opened(database_url, cache_megabytes=0) as bare:
        for address in ADDRESSES:
            plain = {"Accept-Encoding": "identity"}
            expected = await bare.get(address, headers=plain)
            assert expected.status_code == 200, address
            assert await read_three_times(kept, address, plain) == [told(expected)] * 3, address
            packed = await kept.get(address, headers={"Accept-Encoding": "br, gzip;q=0.5"})
            assert packed.content == expected.content
            assert told(packed) == told(
                await bare.get(address, headers={"Accept-Encoding": "br, gzip;q=0.5"})
            )
            assert packed.headers["ETag"] == expected.headers["ETag"]
            head = await kept.head(address, headers=plain)
            assert told(head) == (200, told(expected)[1], b"")


async def read_three_times(
    client: httpx.AsyncClient, address: str, headers: dict[str, str]
) -> list[tuple[int, dict[str, str], bytes]]:
    return [told(await client.get(address, headers=headers)) for _ in range(3)]


async def test_who_has_an_answer_gets_304_with_the_headers_that_matter(kept: httpx.AsyncClient) -> None:
    for address in ADDRESSES:
        first = await kept.get(address)
        again = await kept.get(address, headers={"If-None-Match": f'"another", {first.headers["ETag"]}'})

        assert (again.status_code, again.content) == (304, b"")
        for name in ("ETag", "Vary", "Cache-Control", "Content-Security-Policy", "X-Request-ID"):
            assert name in again.headers, (address, name)
        assert (await kept.get(address, headers={"If-None-Match": '"another"'})).status_code == 200


async def test_nothing_but_the_address_changes_what_others_get(
    kept: httpx.AsyncClient, database_url: str
) -> None:
    odd: list[dict[str, str]] = [
        {"Host": "localhost:9"}, {"X-Forwarded-Host": "evil.example"}, {"X-Forwarded-Proto": "ftp"},
        {"Forwarded": "host=evil.example;for=192.0.2.1"}, {"X-Original-URL": "/about"},
        {"X-HTTP-Method-Override": "DELETE"}, {"Accept": "application/json"}, {"Accept": "text/markdown"},
        {"Accept-Language": "tlh"}, {"Range": "bytes=0-1"}, {"Referer": "https://evil.example/"},
        {"User-Agent": "<script>"}, {"Origin": "https://evil.example"}, {"If-None-Match": "*"},
        {"Cookie": "paperround=x; theme=dark"}, {"Authorization": "Bearer pr_none"},
        {"If-Modified-Since": "Sun, 06 Nov 2095 08:49:37 GMT"}, {"X-Request-ID": "evil"},
    ]  # fmt: skip
    junk = "utm_source=evil&fbclid=%3Cscript%3E&key=1&_=2"
    async with opened(database_url, cache_megabytes=0) as bare:
        for address in ["/papers", "/papers/2603.00001", "/papers?q=gradients", "/feeds/search.atom?q=or"]:
            expected = told(await bare.get(address))
            cache = cache_of(kept)
            for headers in odd:
                for request in (address, f"{address}{'&' if '?' in address else '?'}{junk}"):
                    cache.clear()
                    await kept.get(request, headers=headers)
                    assert told(await kept.get(address)) == expected, (request, headers)
            assert told(await kept.get(f"{address}{'&' if '?' in address else '?'}{junk}")) == expected


async def test_a_reader_gets_their_own_page_and_nobody_else_gets_it(
    kept: httpx.AsyncClient, database: Database, database_url: str
) -> None:
    async with opened(database_url) as browser:
        await sign_in_browser(browser, database, ADA, now=utc_now())
        for address in ("/papers", "/papers/trending", "/papers/2603.00001", "/papers?q=gradients"):
            cache = cache_of(browser)
            hers = await browser.get(address)
            assert "/saved" in hers.text
            assert "private" in hers.headers["Cache-Control"]
            assert not cache.size
            assert "/saved" not in (await kept.get(address)).text
            assert "/saved" in (await browser.get(address)).text


async def test_another_host_is_refused_also_for_what_is_kept(kept: httpx.AsyncClient) -> None:
    await kept.get("/papers")
    assert (await kept.get("/papers", headers={"Host": "evil.example"})).status_code == 421


async def test_errors_and_redirects_are_kept_for_nobody(kept: httpx.AsyncClient) -> None:
    cache = cache_of(kept)
    await kept.get("/about")
    cache.clear()
    addresses = ["/papers/2603.77777", "/papers/date/never", "/papers?after=x", "/papers/2603.00001v2",
                 "/papers/date?day=2026-03-02", "/organizations/none", "/api/v1/papers?limit=0"]  # fmt: skip
    for address in addresses:
        for _ in range(2):
            assert (await kept.get(address)).status_code >= 300
    assert cache.size == 0


async def test_two_sites_show_a_change_though_nobody_is_told(database: Database, database_url: str) -> None:
    from papers.test_versions import mute

    await store_listing(database, "2026-03-02", feed_record("2603.00001"))
    settings = Settings(_env_file=None)
    with (
        running_site(settings, database_url, MAX_AGE) as one,
        running_site(settings, database_url, MAX_AGE) as two,
    ):
        async with httpx.AsyncClient(timeout=60) as client, asyncio.timeout(60):
            for site in (one, two):
                assert "2603.00002" not in (await client.get(f"{site}/papers")).text
            await mute(database)
            await store_listing(database, "2026-03-02", feed_record("2603.00002"))
            for site in (one, two):
                while "2603.00002" not in (await client.get(f"{site}/papers")).text:
                    await asyncio.sleep(0.02)


def query_names(needs: Dependant) -> set[str]:
    """The parameters of an address that a route and what it depends on read."""
    own = {field.alias for field in needs.query_params}
    return own.union(*map(query_names, needs.dependencies))


async def test_every_parameter_and_every_list_of_papers_is_known(kept: httpx.AsyncClient) -> None:
    cached = [route for route in app_routes(kept) if PATHS.fullmatch(route.path.replace("{form}", "atom"))]
    assert {name for route in cached for name in query_names(route.dependant)} == PARAMETERS
    assert {route.path for route in cached} >= {
        "/papers", "/papers/trending", "/api/v1/papers", "/api/daily_papers", "/feeds/daily.{form}"
    }  # fmt: skip


class Told:
    """A version that the test tells."""

    def __init__(self) -> None:
        self.version: Version | None = Version(1, 1)
        self.recent: set[Version] = set()

    def recall(self) -> Version | None:
        return self.version

    async def confirm(self) -> Version | None:
        return self.version

    def may_show(self, version: Version) -> bool:
        return version in self.recent

    def is_replaced(self, version: Version) -> bool:
        return version != self.version


class Site:
    """An application below the layer that counts how often it is asked, and waits until it may answer."""

    def __init__(self, **headers: str) -> None:
        self.watch, self.asked, self.size, self.status = Told(), 0, 10_000, 200
        self.is_costly = False
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self._headers = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        settings = Settings(_env_file=None, cache_megabytes=1)
        self.cache = AnswerCache(settings, self.watch)  # type: ignore[arg-type]
        self.cache.learn_host(b"localhost")
        self._state = SimpleNamespace(settings=settings)
        self._layer = Answers(self._answer)
        self._layer.cache = self.cache
        transport = httpx.ASGITransport(self._with_state)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://localhost")

    async def _with_state(self, scope: Any, receive: Any, send: Any) -> None:
        await self._layer({**scope, "app": SimpleNamespace(state=self._state)}, receive, send)

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked += 1
        number = self.asked
        scope.setdefault("state", {})[COSTLY] = self.is_costly
        await self.may_answer.wait()
        await send({"type": "http.response.start", "status": self.status, "headers": self._headers})
        await send({"type": "http.response.body", "body": f"{number} {'x' * self.size}".encode()})

    async def get(self, address: str = "/papers", **headers: str) -> int:
        """The number of the rendering that an answer comes from."""
        return int((await self.client.get(address, headers=headers)).text.split()[0])


async def test_who_misses_the_same_answer_at_once_waits_for_one_rendering() -> None:
    site = Site()
    site.may_answer.clear()
    waiting = [asyncio.create_task(site.get()) for _ in range(20)]
    other = asyncio.create_task(site.get("/about"))
    await asyncio.sleep(0.01)
    assert site.asked == 2
    waiting[0].cancel()  # who came first goes away
    site.may_answer.set()

    assert {*await asyncio.gather(*waiting[1:])} <= {1, 3}
    assert await other == 2
    assert site.asked <= 3


async def test_a_change_during_a_rendering_makes_whoever_comes_later_wait_for_another() -> None:
    site = Site()
    site.may_answer.clear()
    early = asyncio.create_task(site.get())
    await asyncio.sleep(0.01)
    site.watch.version = Version(2, 1)
    late = asyncio.create_task(site.get())
    await asyncio.sleep(0.01)
    site.may_answer.set()

    assert (await early, await late) == (1, 2)
    assert await site.get() == 2


async def test_the_answer_of_a_moment_ago_is_given_while_the_next_one_is_rendered() -> None:
    site, addresses = Site(), ["/papers", "/about", "/papers/trending"]
    assert [await site.get(address) for address in addresses] == [1, 2, 3]
    site.watch.version, site.watch.recent = Version(2, 1), {Version(1, 1)}
    site.may_answer.clear()

    for _ in range(3):
        assert [await site.get(address) for address in addresses] == [1, 2, 3], "nobody waits"
        await asyncio.sleep(0.01)
    assert site.asked == 4, "one is rendered after the other"
    site.may_answer.set()
    site.watch.recent = {Version(2, 1)}
    assert [await site.get(address) for address in addresses] == [4, 5, 6]
    assert site.asked == 6, "each once"


async def test_what_is_older_than_a_moment_or_counts_for_its_network_is_not_given_again() -> None:
    site, costly = Site(), Site()
    costly.is_costly, costly.watch.recent = True, {Version(1, 1)}
    for each in (site, costly):
        assert await each.get() == 1
        each.watch.version = Version(2, 1)
        assert await each.get() == 2


async def test_an_answer_lasts_a_minute_or_until_the_catalogue_changes(monkeypatch: Any) -> None:
    now, site = 1000.0, Site()
    monkeypatch.setattr("paperround.web.answers.layer.time.monotonic", lambda: now)  # and the cache's
    monkeypatch.setattr("paperround.web.answers.layer.utc_now", lambda: utc_now().replace(hour=12))
    assert [await site.get(), await site.get()] == [1, 1]
    now += LIFE
    assert await site.get() == 2
    for version in (Version(2, 1), Version(2, 2), None):
        site.watch.version = version
        assert await site.get() > 2
    site.watch.version = None
    assert await site.get() != await site.get()


@pytest.mark.parametrize(
    "headers",
    [{"set_cookie": "a=b"}, {"cache_control": "private, no-cache"}, {"cache_control": "No-Store"}],
)
async def test_what_is_for_one_reader_is_kept_for_nobody(headers: dict[str, str]) -> None:
    site = Site(**headers)
    assert [await site.get(), await site.get()] == [1, 2]
    assert site.cache.size == 0


async def test_random_queries_take_a_bounded_share_and_leave_pages_alone() -> None:
    site = Site()
    await site.get("/papers/trending")
    for number in range(300):
        await site.get(f"/papers?q={number}")
        await site.get(f"/papers?q=1&random={number}")
    assert site.asked == 301
    assert site.cache.size <= 1_000_000
    assert await site.get("/papers/trending") == 1
    site.size = 400_000
    await site.get("/about")
    assert await site.get("/papers/trending") == 1


async def test_requests_that_more_than_an_address_belongs_to_go_their_own_way() -> None:
    site = Site()
    lengthy = [{name.decode(): "x" * (MAX_VALUE_LENGTH + 1)} for name in TOLD - {b"host"}]
    for headers in ({"Cookie": "a=b"}, {"Authorization": "x"}, {"Content-Length": "0"}, *lengthy):
        assert await site.get(**headers) != await site.get(**headers)
    for name in TOLD:
        twice = [(name, b"localhost")] * 2
        answers = [await site.client.get("/papers", headers=twice) for _ in range(2)]
        assert answers[0].text != answers[1].text, name
    assert await site.get("/settings") != await site.get("/settings")
    assert site.cache.size == 0
