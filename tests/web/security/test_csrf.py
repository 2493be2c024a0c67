"""Requests that another site's page makes a browser send; bodies and texts that are too much."""

from __future__ import annotations

import itertools
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select, text
from starlette.datastructures import Headers

from paperround import schema
from paperround.accounts.tables import ReaderSession, SignInLink
from paperround.database import Database
from paperround.settings import Settings
from paperround.web import dependencies
from paperround.web.security.bodies import MAX_BODY_BYTES, MAX_UPLOAD_BYTES
from paperround.web.security.csrf import is_own_origin

from support.factories import feed_record, store_listing, utc
from support.pages import TODAY, Page, app_routes, opened
from support.people import ADA, CYN, add_person, sign_in_browser

NOW = utc(TODAY)


@pytest.fixture
async def browser(database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with opened(database_url) as client:
        yield client


async def sessions_left(database: Database) -> int:
    async with database.read_session() as session:
        return len((await session.scalars(select(ReaderSession))).all())


# --- Other sites ------------------------------------------------------------------------------------------

FOREIGN = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1"},
    {"Sec-Fetch-Site": ""},
    {"Origin": "null"},
    {"Origin": "https://evil.example"},
    {"Origin": "http://127.0.0.1.evil.example"},
    {"Origin": "http://127.0.0.1:9999"},
    {"Origin": "http://127.0.0.1@evil.example"},
    {"Origin": "http://[bad"},
    {"Origin": ""},
]


@pytest.mark.parametrize("headers", FOREIGN)
async def test_what_another_site_sends_is_refused_even_with_the_right_token(
    browser: httpx.AsyncClient, database: Database, headers: dict[str, str]
) -> None:
    ada = await sign_in_browser(browser, database, now=NOW)
    answer = await browser.post("/sign-out", data=ada.form(), headers=headers)

    assert answer.status_code == 403
    assert "another site" in Page(answer).text
    assert await sessions_left(database) == 1


async def test_another_site_can_not_ask_for_links_either(
    subtests: pytest.Subtests,
    browser: httpx.AsyncClient,
    database: Database,
) -> None:
    for headers in FOREIGN:
        with subtests.test(headers=headers):
            answer = await browser.post("/sign-in", data={"email": ADA}, headers=headers)

            assert answer.status_code == 403
            async with database.read_session() as session:
                assert (await session.scalars(select(SignInLink))).all() == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://127.0.0.1"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://127.0.0.1"},
        {"Origin": "http://127.0.0.1:80"},
        {},
    ],
)
async def test_what_our_own_page_sends_is_taken(
    browser: httpx.AsyncClient, database: Database, headers: dict[str, str]
) -> None:
    ada = await sign_in_browser(browser, database, now=NOW)

    assert (await browser.post("/sign-out", data=ada.form(), headers=headers)).status_code == 303
    assert await sessions_left(database) == 0


def test_behind_a_proxy_the_public_address_is_ours_too() -> None:
    settings = Settings(_env_file=None, public_url="https://papers.example.org")
    heard = {"host": "127.0.0.1:8000", "origin": "https://papers.example.org"}

    assert is_own_origin(Headers(heard), settings)
    assert not is_own_origin(Headers(heard | {"origin": "https://papers.example.org.evil.example"}), settings)


async def test_looking_is_free_from_anywhere(browser: httpx.AsyncClient) -> None:
    for headers in FOREIGN:
        assert (await browser.get("/sign-in", headers=headers)).status_code == 200


async def test_one_click_in_a_mail_program_is_free_from_anywhere(
    browser: httpx.AsyncClient, database: Database
) -> None:
    """Whatever becomes of it: it isn't refused for where it comes from, nor for want of a form's token."""
    await sign_in_browser(browser, database, now=NOW)
    for headers in FOREIGN:
        answer = await browser.post("/unsubscribe/x", data={"List-Unsubscribe": "One-Click"}, headers=headers)
        assert answer.status_code != 403


# --- The token of forms -----------------------------------------------------------------------------------


async def test_a_signed_in_browsers_form_needs_its_own_sessions_token(
    browser: httpx.AsyncClient, database: Database
) -> None:
    ada = await sign_in_browser(browser, database, now=NOW)
    cyn = await add_person(database, CYN, now=NOW)
    again = await add_person(database, ADA, now=NOW)
    cookie = next(iter(ada.cookies.values()))
    for token in [None, "", "x", cyn.csrf, again.csrf, ada.csrf[:-1], cookie, ada.csrf.swapcase()]:
        answer = await browser.post("/sign-out", data={} if token is None else {"csrf": token})
        assert answer.status_code == 403, token
        assert "Reload the page" in Page(answer).text
    assert (await browser.post("/sign-out", json={"csrf": ada.csrf})).status_code == 403
    assert (await browser.post(f"/sign-out?csrf={ada.csrf}")).status_code == 403
    assert await sessions_left(database) == 3


async def test_the_token_of_a_page_is_good_in_its_form(
    browser: httpx.AsyncClient, database: Database
) -> None:
    await sign_in_browser(browser, database, now=NOW)
    page = Page(await browser.get("/sign-in"))
    token = next(a["value"] for tag, a in page.elements if a.get("name") == "csrf")

    assert (await browser.post("/sign-out", data={"csrf": token})).status_code == 303


# --- What may be kept -------------------------------------------------------------------------------------

PAGES = ["/papers", "/papers/trending", "/status", "/docs", "/sign-in", "/nowhere", "/papers/2603.99999"]


@pytest.mark.parametrize("address", PAGES)
async def test_without_a_session_a_page_is_the_same_for_all_and_may_be_kept_whole(
    browser: httpx.AsyncClient, database: Database, database_url: str, address: str
) -> None:
    await add_person(database, now=NOW)
    async with opened(database_url) as other:
        mine, theirs = await browser.get(address), await other.get(address)

    assert mine.text == theirs.text
    assert "set-cookie" not in mine.headers
    assert 'name="csrf"' not in mine.text
    assert "Cookie" in mine.headers["Vary"]
    assert "private" not in mine.headers.get("Cache-Control", "")


@pytest.mark.parametrize("address", ["/papers", "/papers/trending", "/status", "/docs", "/sign-in"])
async def test_with_a_session_a_page_is_the_readers_alone(
    browser: httpx.AsyncClient, database: Database, address: str
) -> None:
    await sign_in_browser(browser, database, now=NOW)
    answer = await browser.get(address)

    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert "Cookie" in answer.headers["Vary"]
    assert "set-cookie" not in answer.headers


# --- Looking changes nothing ------------------------------------------------------------------------------

NOTED = {"sessions", "readers", "attempts"}  # when somebody was here; exports, counted


async def contents(database: Database) -> dict[str, str | None]:
    """Each table's rows as one hash."""
    tables = [table.name for table in schema.load_metadata().sorted_tables if table.name not in NOTED]
    async with database.read_session() as session:
        return {
            name: await session.scalar(
                text(f"SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {name} t")
            )
            for name in [*tables, "jobs.procrastinate_jobs"]
        }


async def test_no_get_changes_anything(browser: httpx.AsyncClient, database: Database) -> None:
    """Mail scanners and prefetching browsers follow every link."""
    await store_listing(database, "2026-03-02", feed_record())
    ada = await sign_in_browser(browser, database, now=NOW)
    await browser.post("/sign-in", data=ada.form(email=ADA))
    before = await contents(database)
    places = [route.path for route in app_routes(browser) if "GET" in route.methods]
    assert len(places) > 30
    for place in places:
        answer = await browser.get(re.sub(r"\{[^}]*\}", "1", place))
        assert answer.status_code < 500 or "readyz" in place, place

    assert await contents(database) == before


async def test_every_address_that_changes_something_for_a_reader_needs_the_forms_token(
    browser: httpx.AsyncClient, database: Database
) -> None:
    """Whoever adds a route and forgets the guard finds out here."""
    await sign_in_browser(browser, database, now=NOW)
    changing = [
        (method, route.path)
        for route in app_routes(browser)
        for method in route.methods - {"GET", "HEAD"}
        if not route.path.startswith(("/api/", "/unsubscribe/"))
    ]
    assert len(changing) > 12
    for method, path in changing:
        answer = await browser.request(method, re.sub(r"\{[^}]*\}", "1", path))
        assert answer.status_code == 403, path
        assert "Reload the page" in answer.text


async def test_no_address_of_the_api_knows_a_browser_by_its_cookie(browser: httpx.AsyncClient) -> None:
    """There no form's token is asked for."""

    def asked(dependant: Any) -> set[object]:
        return {dependant.call}.union(*(asked(part) for part in dependant.dependencies))

    api = [route for route in app_routes(browser) if route.path.startswith(("/api/", "/feeds/"))]
    assert len(api) > 8
    for route in api:
        assert dependencies.load_visit not in asked(route.dependant), route.path


# --- How much ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "application/json", "text/plain", ""])
@pytest.mark.parametrize("address", ["/sign-in", "/nowhere", "/api/v1/papers"])
async def test_a_body_over_a_megabyte_is_refused_before_it_is_read(
    browser: httpx.AsyncClient, kind: str, address: str
) -> None:
    answer = await browser.post(address, content=b"x" * (MAX_BODY_BYTES + 1), headers={"Content-Type": kind})

    assert answer.status_code == 413
    assert "At most 1 MB" in answer.text
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_a_body_of_untold_length_is_cut_off(browser: httpx.AsyncClient) -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(1000):
            read += 1
            yield b"email=" + b"x" * 100_000

    answer = await browser.post(
        "/sign-in", content=endless(), headers={"Content-Type": "application/x-www-form-urlencoded"}
    )

    assert answer.status_code == 413


async def test_an_upload_may_be_five_megabytes(browser: httpx.AsyncClient) -> None:
    fits = {"file": ("a.bib", b"x" * (MAX_UPLOAD_BYTES - 10_000))}
    over = {"file": ("a.bib", b"x" * MAX_UPLOAD_BYTES)}

    assert (await browser.post("/sign-in", files=fits)).status_code == 400
    assert (await browser.post("/sign-in", files=over)).status_code == 413


async def test_a_length_that_is_none_is_refused(
    subtests: pytest.Subtests,
    browser: httpx.AsyncClient,
) -> None:
    cases: list[str] = ["-1", "x", "1e9", "99999999999999999999"]
    for length in cases:
        with subtests.test(length=length):
            answer = await browser.post("/sign-in", content=b"email=x", headers={"Content-Length": length})

            assert answer.status_code == 413


async def test_a_form_of_a_thousand_fields_is_no_fault_of_ours(browser: httpx.AsyncClient) -> None:
    def fields() -> Iterator[tuple[str, str]]:
        return ((f"f{n}", "x") for n in itertools.count())

    many = "&".join(f"{name}={value}" for name, value in itertools.islice(fields(), 100_000))
    answer = await browser.post(
        "/sign-in", content=many, headers={"Content-Type": "application/x-www-form-urlencoded"}
    )
    parts = {name: (None, value) for name, value in itertools.islice(fields(), 1500)}

    assert answer.status_code == 400
    assert (await browser.post("/sign-in", files=parts)).status_code == 400


# --- NUL --------------------------------------------------------------------------------------------------


async def test_a_nul_in_json_is_refused_and_talk_of_one_is_not(
    subtests: pytest.Subtests,
    browser: httpx.AsyncClient,
) -> None:
    cases: list[tuple[bytes, int]] = [
        (rb'{"a": "\u0000"}', 400),
        (rb'{"a": "x\\\u0000"}', 400),
        (rb'{"\u0000": 1}', 400),
        (rb'{"a": "\\u0000"}', 200),
        (rb'{"a": "\\\\u0000 \u0001"}', 200),
    ]
    for body, status in cases:
        with subtests.test(body=body, status=status):
            application: FastAPI = browser._transport.app  # type: ignore[attr-defined]

            @application.post("/api/v1/try")
            async def attempt(said: dict[str, str | int]) -> None: ...

            answer = await browser.post(
                "/api/v1/try", content=body, headers={"Content-Type": "application/json"}
            )

            assert answer.status_code == status, answer.text
