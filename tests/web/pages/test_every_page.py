"""What all pages have in common: headers, sizes, errors, labels."""

from __future__ import annotations

import uuid

import httpx
import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from paperround.database import Database
from paperround.web.security.middleware import HEADERS

from support.citation_records import complete_feed_record
from support.databases import TEMPLATE, database_named, run_sql
from support.factories import feed_record, store_listing
from support.pages import Page, opened, runs, three_days


async def test_a_full_page_is_small_and_smaller_on_its_way(
    pages: httpx.AsyncClient, database: Database
) -> None:
    abstract = "We wait for gradients, one after the other, and they come. " * 30
    records = [feed_record(f"2603.{n:05}", paper__summary=abstract, summary=abstract) for n in range(1, 40)]
    await store_listing(database, "2026-03-02", *records)
    plain = await pages.get("/papers", headers={"Accept-Encoding": "identity"})
    small = await pages.get("/papers", headers={"Accept-Encoding": "gzip"})

    assert len(plain.content) < 100_000
    assert small.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in small.headers["Vary"]
    assert small.content == plain.content


async def test_styles_and_scripts_are_kept_for_good_under_their_present_name(
    pages: httpx.AsyncClient,
) -> None:
    linked = [attrs.get("href") for tag, attrs in Page(await pages.get("/about")).elements if tag == "link"]
    style = next(address for address in linked if address and "style.css" in address)

    assert "immutable" in (await pages.get(style)).headers["Cache-Control"]
    assert "Cache-Control" not in (await pages.get("/static/style.css?v=another")).headers


async def test_the_style_is_small(pages: httpx.AsyncClient) -> None:
    assert len((await pages.get("/static/style.css")).content) < 40_000


async def test_what_a_cookie_may_open_is_not_compressed(pages: httpx.AsyncClient, database: Database) -> None:
    await three_days(database)
    answer = await pages.get("/papers", headers={"Accept-Encoding": "gzip", "Cookie": "session=x"})

    assert "Content-Encoding" not in answer.headers


async def test_samples_are_labelled_on_every_page_and_real_papers_are_not(
    pages: httpx.AsyncClient, database: Database
) -> None:
    addresses = ["/papers", "/papers/trending", "/papers/0000.00001", "/papers/date/2026-03-02", "/status"]
    await store_listing(database, "2026-03-02", feed_record("0000.00001"), feed="sample")
    for address in addresses:
        assert "These are sample papers" in Page(await pages.get(address)).text

    async with database.write_session() as session:
        await session.execute(text("DELETE FROM papers"))
    await store_listing(database, "2026-03-02", feed_record("2603.00001"))
    for address in ["/papers/2603.00001", *addresses]:
        assert "samples" not in Page(await pages.get(address)).text


ALL = [
    "/papers",
    "/papers/trending",
    "/papers/date/2026-03-02",
    "/papers/2603.00001",
    "/status",
    "/docs",
    "/about",
]


@pytest.mark.parametrize(
    ("address", "status", "words"),
    [
        ("/nowhere", 404, "There is no such page."),
        ("/papers/2603.77777", 404, "There is no paper “2603.77777” here."),
        ("/papers/not-an-id", 404, "There is no paper “not-an-id” here."),
        ("/papers/" + "x" * 5000, 404, "There is no paper “xxx"),
        ("/papers/date/2026-02-30", 400, "“2026-02-30” is not a date such as 2025-10-29."),
        ("/papers/week/2026-W54", 400, "is not an ISO week such as 2025-W44"),
        ("/papers/month/2026-13", 400, "is not a month such as 2025-10"),
        ("/papers/date/2026-03-02?after=nonsense", 400, "This cursor is not one that we gave for this list."),
        ("/papers?after=" + "x" * 501, 400, "at most 500 characters"),
        ("/papers/%00", 400, "NUL"),
        ("/papers?after=%00", 400, "NUL"),
        ("/static/%00", 404, "There is no such page."),
        ("/static/nothing.css", 404, "There is no such page."),
        ("/static/../app.py", 404, "There is no such page."),
        ("/static/..%2fapp.py", 404, "There is no such page."),
    ],
)
async def test_what_can_not_be_shown_has_a_page_that_says_why(
    library: httpx.AsyncClient, address: str, status: int, words: str
) -> None:
    page = Page(await library.get(address))

    assert page.status == status
    assert words in page.text
    assert "Traceback" not in page.text


async def test_other_methods_are_refused(library: httpx.AsyncClient) -> None:
    for address in ["/papers", "/papers/2603.00001", "/status"]:
        answer = await library.post(address)
        assert answer.status_code == 405
        assert "GET" in answer.headers["Allow"]
        assert "This address doesn’t accept that." in Page(answer).text


@pytest.mark.parametrize("address", [*ALL, "/nowhere", "/papers/date/x", "/static/style.css", "/"])
async def test_head_is_get_without_the_body(library: httpx.AsyncClient, address: str) -> None:
    seen, asked = await library.get(address), await library.head(address)

    assert (asked.status_code, asked.content) == (seen.status_code, b"")
    assert asked.headers.get("Content-Length") == seen.headers.get("Content-Length")


ANSWERS = ["/", "/nowhere", "/papers/date/x", "/static/style.css", "/static/no", "/healthz", "/readyz"]


JSON = [
    "/api/v1/papers",
    "/api/v1/papers/no",
    "/api/v1/papers?limit=0",
    "/openapi.json",
    "/papers/2603.00001.md",
]


@pytest.mark.parametrize("address", [*ALL, *ANSWERS, *JSON])
async def test_every_answer_has_the_security_headers(library: httpx.AsyncClient, address: str) -> None:
    answer = await library.get(address)

    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    assert "unsafe-inline" not in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("address", ALL)
async def test_no_page_has_inline_script_or_style_or_loads_from_elsewhere(
    pages: httpx.AsyncClient, database: Database, address: str
) -> None:
    await store_listing(database, "2026-03-02", complete_feed_record("2603.00001"))
    page = Page(await pages.get(address))

    assert page.status == 200
    for tag, attrs in page.elements:
        assert tag != "style"
        assert "style" not in attrs
        assert not runs(tag, attrs) or (attrs.get("src") or "").startswith("/static/")
        loaded = attrs.get("src") or (attrs.get("href") if tag == "link" else None) or "/"
        assert loaded.startswith(("/", "http://127.0.0.1:8000/")), (tag, attrs)


async def test_a_fault_of_ours_is_a_page_without_a_traceback_logged_once(
    pages: httpx.AsyncClient, database: Database
) -> None:
    await store_listing(database, "2026-03-02", feed_record("2603.00001"))
    run_sql(database.owner_url, "ALTER TABLE listings RENAME TO gone")
    with capture_logs() as logs:
        answer = await pages.get("/papers")
        told = await pages.get("/api/daily_papers")

    assert answer.status_code == told.status_code == 500
    assert "This is a fault of ours." in Page(answer).text
    assert told.json()["error"] == "This is a fault of ours. It has been logged."
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    assert [(log["event"], log["path"]) for log in logs] == [
        ("unexpected error", "/papers"),
        ("unexpected error", "/api/daily_papers"),
    ]
    assert "listings" not in answer.text + told.text


async def test_a_database_that_is_gone_is_a_503_and_one_that_is_back_is_read_again(server: str) -> None:
    name = f"test_{uuid.uuid4().hex[:16]}"
    make, drop = f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}", f"DROP DATABASE {name} WITH (FORCE)"
    run_sql(server, make)
    async with opened(database_named(server, name)) as client:
        assert (await client.get("/readyz")).json()["status"] == "ready"
        run_sql(server, drop)
        with capture_logs():
            page, api = await client.get("/papers"), await client.get("/api/v1/papers")
            ready, healthy = await client.get("/readyz"), await client.get("/healthz")
            docs = await client.get("/docs")
        run_sql(server, make)
        again = [(await client.get(address)).status_code for address in ("/papers", "/readyz")]
    run_sql(server, drop)

    assert (page.status_code, page.headers["Retry-After"]) == (503, "5")
    assert "The database can’t be reached right now." in Page(page).text
    assert (api.status_code, api.json()["status"]) == (503, 503)
    assert {name: page.headers.get(name) for name in HEADERS} == HEADERS
    assert (ready.status_code, ready.json()) == (503, {"status": "no database"})
    assert (healthy.status_code, docs.status_code) == (200, 200)
    assert again == [200, 200]


async def test_readyz_names_both_schemas_when_they_differ(
    pages: httpx.AsyncClient, database: Database
) -> None:
    assert (await pages.get("/readyz")).status_code == 200
    async with database.write_session() as session:
        await session.execute(text("UPDATE alembic_version SET version_num = 'another'"))
    answer = await pages.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["status"] == "wrong schema"
    assert answer.json()["schema"] == "another"
    assert answer.json()["expected"] not in (None, "another")


async def test_readyz_is_ready_for_a_newer_schema_that_says_it_is_compatible(
    pages: httpx.AsyncClient, database: Database
) -> None:
    expected = (await pages.get("/readyz")).json()["expected"]
    async with database.write_session() as session:
        await session.execute(text("UPDATE alembic_version SET version_num = 'newer'"))
        await session.execute(text("INSERT INTO compatible_code (revision) VALUES (:r)"), {"r": expected})

    assert (await pages.get("/readyz")).json()["status"] == "ready"


async def test_the_docs_name_every_described_address(pages: httpx.AsyncClient) -> None:
    page = Page(await pages.get("/docs"))

    for path in (await pages.get("/openapi.json")).json()["paths"]:
        assert path in page.text


async def test_the_status_of_a_site_that_has_read_nothing(pages: httpx.AsyncClient) -> None:
    page = Page(await pages.get("/status"))

    assert "Nothing has been read yet" in page.text
    assert "Hugging Face" in page.text
