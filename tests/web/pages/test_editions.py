"""The pages as a reader's browser gets them: their addresses, words, links, errors and headers."""

from __future__ import annotations

import re
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from html.parser import HTMLParser
from typing import Any

import httpx
import numpy as np
import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from conftest import TEMPLATE, database_named, run_sql, web_app
from paperround.database import Database
from paperround.embeddings.tables import Embedding, EmbeddingModel, ModelState
from paperround.feeds.tables import FeedDay
from paperround.papers.tables import Paper
from paperround.settings import Settings
from paperround.web import dependencies
from paperround.web.assets import fingerprint
from paperround.web.security.middleware import HEADERS

from support.citation_records import full
from support.factories import at, item, listed

TODAY = "2026-03-10 12:00"


class Page(HTMLParser):
    """What a browser makes of an answer: elements and visible text."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__()
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8", answer.text[:200]
        self.status = answer.status_code
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self._words: list[str] = []
        self.feed(answer.text)
        self.text = " ".join(" ".join(self._words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self._words.append(data)

    def links(self, rel: str | None = None) -> list[str]:
        """Addresses of what can be clicked, or of those with this `rel`."""
        found = [attrs for tag, attrs in self.elements if tag == "a" and "href" in attrs]
        return [a["href"] or "" for a in found if rel is None or rel in (a.get("rel") or "").split()]

    def papers(self) -> list[str]:
        """The ids that an edition lists, in order."""
        found = (re.fullmatch(r"/papers/(\d.*\d|astro-ph/\d+)", link) for link in self.links())
        return [match[1] for match in found if match]


@asynccontextmanager
async def opened(url: str, *, now: str = TODAY, **changes: Any) -> AsyncIterator[httpx.AsyncClient]:
    """The site, in this process and at this time."""
    with web_app(Settings(_env_file=None, **changes), url) as app:
        app.dependency_overrides[dependencies.now] = lambda: at(now)
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client,
        ):
            yield client


@pytest.fixture
async def pages(database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with opened(database_url) as client:
        yield client


@pytest.fixture
async def library(site: str) -> AsyncIterator[httpx.AsyncClient]:
    """A site with papers, for looking."""
    async with httpx.AsyncClient(base_url=site, timeout=60) as client:
        yield client


async def three_days(database: Database) -> None:
    await listed(database, "2026-02-27", item("2602.00001"))
    await listed(database, "2026-03-02", *(item(f"2603.{n:05}", paper__upvotes=n) for n in range(1, 4)))
    await listed(database, "2026-03-06", item("2603.00010"), item("astro-ph/0601001", paper__upvotes=50))


# --- Editions --------------------------------------------------------------------------------------------


async def test_the_front_page_leads_to_the_latest_edition(pages, database):
    await three_days(database)

    home = await pages.get("/")
    page = Page(await pages.get("/papers"))

    assert (home.status_code, home.headers["Location"]) == (307, "/papers")
    assert page.papers() == ["astro-ph/0601001", "2603.00010"]
    assert "Friday, 6 March" in page.text


async def test_without_papers_there_is_a_page_that_says_so(pages):
    page = Page(await pages.get("/papers"))

    assert page.status == 200
    assert "No papers yet" in page.text


@pytest.mark.parametrize(
    ("address", "previous", "following"),
    [
        ("/papers/date/2026-03-02", "/papers/date/2026-02-27", "/papers/date/2026-03-06"),
        ("/papers/date/2026-03-04", "/papers/date/2026-03-02", "/papers/date/2026-03-06"),
        ("/papers/date/2026-02-27", None, "/papers/date/2026-03-02"),
        ("/papers/week/2026-W10", "/papers/week/2026-W09", None),
        ("/papers/week/2026-W09", None, "/papers/week/2026-W10"),
        ("/papers/month/2026-03", "/papers/month/2026-02", None),
        ("/papers/month/2026-02", None, "/papers/month/2026-03"),
    ],
)
async def test_an_edition_leads_to_its_neighbours_past_empty_ones(
    pages, database, address, previous, following
):
    await three_days(database)
    page = Page(await pages.get(address))

    assert page.links("prev") == [previous] * (previous is not None)
    assert page.links("next") == [following] * (following is not None)


@pytest.mark.parametrize(
    ("address", "papers"),
    [
        ("/papers/date/2026-03-02", ["2603.00003", "2603.00002", "2603.00001"]),
        ("/papers/date/2026-03-04", []),
        ("/papers/week/2026-W09", ["2602.00001"]),
        (
            "/papers/month/2026-03",
            ["astro-ph/0601001", "2603.00010", "2603.00003", "2603.00002", "2603.00001"],
        ),
    ],
)
async def test_an_edition_lists_its_papers_by_votes(pages, database, address, papers):
    await three_days(database)

    assert Page(await pages.get(address)).papers() == papers


async def test_a_long_edition_goes_on_until_its_end(library):
    found: list[str] = []
    address: str | None = "/papers/date/2026-03-02"
    while address:
        page = Page(await library.get(address))
        found += page.papers()
        address = next((link for link in page.links() if "?after=" in link), None)

    assert sorted(found) == [f"2603.{n:05}" for n in range(1, 61)]


async def test_trending_has_the_newly_voted_first(pages, database):
    await listed(database, "2025-03-02", item("2503.00001", paper__upvotes=300))
    await listed(database, "2026-03-02", item("2603.00001", paper__upvotes=3), item("2603.00002"))

    assert Page(await pages.get("/papers/trending")).papers() == ["2603.00002", "2603.00001", "2503.00001"]


@pytest.mark.parametrize(
    ("now", "words"), [("2026-12-31 23:59", "2 March"), ("2027-01-01 00:00", "2 March 2026")]
)
async def test_a_year_stands_only_where_it_is_not_this_one(database, database_url, now, words):
    await listed(database, "2026-03-02", item())
    async with opened(database_url, now=now) as client:
        edition = Page(await client.get("/papers/date/2026-03-02"))
        paper = Page(await client.get("/papers/2603.00001"))

    assert f"Monday, {words}" in edition.text
    assert ("2026" in words) == ("2026" in edition.text.replace("2603.", "")) == ("1 Mar 2026" in paper.text)


async def test_trending_says_why(pages, database):
    await listed(database, "2026-03-09", item("2603.00001", paper__upvotes=3), seen_at=at("2026-03-09 08:00"))
    await listed(database, "2026-03-09", item("2603.00001", paper__upvotes=8), seen_at=at("2026-03-10 11:00"))

    assert "5 votes today · listed yesterday" in Page(await pages.get("/papers/trending")).text


async def test_the_newest_edition_says_how_fresh_it_is(pages, database):
    await three_days(database)
    async with database.writing() as session:
        session.add(
            FeedDay(feed="huggingface", day=date(2026, 3, 6), read_at=at("2026-03-10 11:54"), failures=0)
        )
    newest, older = [Page(await pages.get(f"/papers/date/2026-03-{day}")) for day in ("06", "02")]

    assert "by 2 authors, updated 6 minutes ago" in newest.text
    assert "by 2 authors. " in older.text
    assert "papers may be missing" not in newest.text


async def test_an_edition_that_could_not_be_read_for_a_day_says_so(pages, database):
    await three_days(database)
    async with database.writing() as session:
        session.add(
            FeedDay(feed="huggingface", day=date(2026, 3, 6), read_at=at("2026-03-09 11:00"), failures=3)
        )

    assert (
        "Nothing could be read since then, so papers may be missing." in Page(await pages.get("/papers")).text
    )


async def test_a_full_page_is_small_and_smaller_on_its_way(pages, database):
    abstract = "We wait for gradients, one after the other, and they come. " * 30
    records = [item(f"2603.{n:05}", paper__summary=abstract, summary=abstract) for n in range(1, 40)]
    await listed(database, "2026-03-02", *records)
    plain = await pages.get("/papers", headers={"Accept-Encoding": "identity"})
    small = await pages.get("/papers", headers={"Accept-Encoding": "gzip"})

    assert len(plain.content) < 100_000
    assert small.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in small.headers["Vary"]
    assert small.content == plain.content


async def test_styles_and_scripts_are_kept_for_good_under_their_present_name(pages):
    linked = [attrs.get("href") for tag, attrs in Page(await pages.get("/about")).elements if tag == "link"]
    style = next(address for address in linked if address and "style.css" in address)

    assert "immutable" in (await pages.get(style)).headers["Cache-Control"]
    assert "Cache-Control" not in (await pages.get("/static/style.css?v=another")).headers


async def test_the_style_is_small(pages):
    assert len((await pages.get("/static/style.css")).content) < 30_000


async def test_what_a_cookie_may_open_is_not_compressed(pages, database):
    await three_days(database)
    answer = await pages.get("/papers", headers={"Accept-Encoding": "gzip", "Cookie": "session=x"})

    assert "Content-Encoding" not in answer.headers


# --- One paper -------------------------------------------------------------------------------------------


async def test_a_paper_tells_all_that_is_known_but_hidden_authors(pages, database):
    await listed(database, "2026-03-02", full("2603.00001", paper__upvotes=41))
    page = Page(await pages.get("/papers/2603.00001"))

    for words in [
        "Ada Lindqvist",
        "Benedikt Åström",
        "Open Rivers Lab",
        "41",
        "Gradients come to those who wait.",
    ]:
        assert words in page.text
    assert "Verborgen" not in page.text
    assert {
        "https://arxiv.org/abs/2603.00001",
        "https://github.com/open-rivers/patience",
        "https://patience.example.org/",
        "/papers/date/2026-03-02",
    } <= set(page.links())


async def test_a_hidden_author_is_on_no_page(pages, database):
    await listed(
        database, "2026-03-02", full("2603.00001", paper__authors=[{"name": "Cyn Verborgen", "hidden": True}])
    )

    for address in ["/papers", "/papers/week/2026-W10", "/papers/trending", "/papers/2603.00001"]:
        assert "Verborgen" not in (await pages.get(address)).text


@pytest.mark.parametrize(
    ("address", "target"),
    [
        ("/papers/2603.00010v2", "/papers/2603.00010"),
        ("/papers/astro-ph/0601001v3", "/papers/astro-ph/0601001"),
        ("/papers/%202603.00010", "/papers/2603.00010"),
    ],
)
async def test_a_version_leads_to_the_bare_id(pages, database, address, target):
    await three_days(database)
    answer = await pages.get(address)

    assert (answer.status_code, answer.headers["Location"]) == (308, target)


@pytest.mark.parametrize("address", ["/papers/astro-ph/0601001", "/papers/astro-ph%2F0601001"])
async def test_old_ids_have_a_page(pages, database, address):
    await three_days(database)
    page = Page(await pages.get(address))

    assert page.status == 200
    assert "https://arxiv.org/abs/astro-ph/0601001" in page.links()


async def test_similar_papers_stand_on_a_papers_page_nearest_first(pages, database):
    await three_days(database)
    rows = {"2603.00001": (1.0, 0.0), "2603.00002": (0.6, 0.8), "2603.00003": (0.8, 0.6)}
    async with database.writing() as session:
        model = EmbeddingModel(name="m", dimensions=2, state=ModelState.current, created_at=at(TODAY))
        session.add(model)
        await session.flush()
        for paper_id, row in rows.items():
            digest = (await session.get_one(Paper, paper_id)).text_hash
            session.add(
                Embedding(
                    model_id=model.id,
                    paper_id=paper_id,
                    text_hash=digest,
                    vector=np.array(row, np.float32),
                    embedded_at=at(TODAY),
                    failures=0,
                )
            )

    assert Page(await pages.get("/papers/2603.00001")).papers()[-2:] == ["2603.00003", "2603.00002"]
    assert "/papers/2603.00001" not in Page(await pages.get("/papers/2603.00010")).links()


# --- What comes from outside is text ---------------------------------------------------------------------

SCRIPT = "<script>alert(1)</script>"
SCRIPTS = [f"/static/{name}.js?v={fingerprint()}" for name in ("first", "paperround")]  # all that a page has


def runs(tag: str, attrs: dict[str, str | None]) -> bool:
    """A block of data is a script to HTML, but none that runs."""
    return tag == "script" and attrs.get("type") != "application/ld+json"


HOSTILE = {
    "title": f"Bad {SCRIPT} & <b>bold</b> \"quoted' {{{{ 7*7 }}}}",
    "paper__summary": rf"{SCRIPT}, $\text{{<script>alert(2)</script>}}$, $\href{{javascript:alert(3)}}{{x}}$"
    "\n\n<img src=x onerror=alert(4)> ]]> --> </p></article>",
    "paper__authors": [{"name": f"Eve {SCRIPT}"}, {"name": '"><img src=x onerror=alert(5)>'}],
    "paper__organization": {"name": "evil", "fullname": f"Evil {SCRIPT}"},
    "submittedBy": {"name": "eve", "fullname": f"Eve <i>{SCRIPT}"},
    "paper__projectPage": "javascript:alert(6)",
    "paper__githubRepo": "JaVaScRiPt:alert(7)",
    "thumbnail": "data:text/html,<script>alert(8)</script>",
    "paper__mediaUrls": ["javascript:alert(9)", 'https://example.org/"onload="alert(10)'],
    "paper__ai_summary": rf"{SCRIPT} $\text{{</math><script>alert(11)</script>}}$",
    "paper__ai_keywords": [SCRIPT, r"$\text{<script>}$"],
    "paper__ai_summary_model": SCRIPT,
}


@pytest.mark.parametrize(
    "address", ["/papers", "/papers/month/2026-03", "/papers/trending", "/papers/2603.00001"]
)
async def test_hostile_texts_and_links_stay_text(pages, database, address):
    await listed(database, "2026-03-02", item("2603.00001", **HOSTILE))
    page = Page(await pages.get(address))

    assert "<script>alert(1)</script>" in page.text
    assert [attrs.get("src") for tag, attrs in page.elements if runs(tag, attrs)] == SCRIPTS
    for tag, attrs in page.elements:
        assert tag not in {"img", "b" if attrs else "", "i", "iframe", "base", "object"}, (tag, attrs)
        for name, value in attrs.items():
            assert not name.startswith("on"), (tag, attrs)
            if name in {"href", "src", "action", "xlink:href"}:
                assert value is not None
                assert value.startswith(("/", "#", "https://", "http://127.0.0.1")), (tag, attrs)
    assert "49" not in page.text, "a template ran"


MATHML = re.compile(
    "math|mrow|mi|mn|mo|mtext|mspace|ms|msup|msub|msubsup|munder|mover|munderover|mfrac|msqrt|mroot|mstyle|mpadded"
    "|mphantom|menclose|mtable|mtr|mtd|semantics"
)
FORMULAS = [
    r"$\text{<img src=x onerror=alert(1)>}$",
    r"$\href{javascript:alert(2)}{x}$",
    r"$\mathrm{</math><script>alert(3)</script>}$",
    r"$\style{background:url(//evil.example)}{x}$",
    r"$\class{evil}{x} \cssId{evil}{y} \require{html} \data{a=b}{z}$",
    r"$$\begin{array}{c\" onload=\"alert(4)} x \end{array}$$",
    "$" + "{" * 400 + "x" + "}" * 400 + "$",
    "$" + r"\frac{1}{" * 60 + "x" + "}" * 60 + "$",
    r"\(\unicode{x3c}script\unicode{x3e}\)",
    r"$x <!-- y --> z ]]> &lt;script&gt;$",
]


@pytest.mark.parametrize("place", ["title", "paper__summary", "paper__ai_summary", "paper__ai_keywords"])
async def test_formulas_bring_nothing_but_mathml(pages, database, place):
    plain, hostile = item("2603.00001"), " and ".join(FORMULAS)
    told = {place: [text for text in FORMULAS if len(text) < 300] if place.endswith("keywords") else hostile}
    told |= {"paper__title": hostile} if place == "title" else {}
    await listed(database, "2026-03-02", plain | {"title": "Calm"})
    usual = {tag for tag, _ in Page(await pages.get("/papers/2603.00001")).elements}
    await listed(database, "2026-03-03", item("2603.00002", **told))
    page = Page(await pages.get("/papers/2603.00002"))

    assert page.status == 200
    allowed = {"math": {"xmlns", "display"}, "a": {"href", "download", "rel", "aria-label"}}
    start = next(at for at, (tag, _) in enumerate(page.elements) if tag == "main")
    for tag, attrs in page.elements[start:]:
        assert MATHML.fullmatch(tag) or tag in usual | {"h2", "section", "ul", "li", "p"}, (tag, attrs)
        assert not attrs.keys() & {"style", "onload", "onerror", "src", "xlink:href", "data-a"}, (tag, attrs)
        assert attrs.get("class") != "evil"
        assert attrs.get("id") != "evil"
        assert attrs.keys() <= allowed.get(tag, attrs.keys()), (tag, attrs)
        assert (attrs.get("href") or "/").startswith(("/", "https://", "#"))
    assert "alert(3)" in page.text.replace(" ", ""), "it is shown as text"


async def test_keywords_and_authors_search(pages, database):
    await listed(
        database,
        "2026-03-02",
        full("2603.00001", paper__ai_keywords=["flow matching", "C++ & more"], paper__organization=None),
    )
    links = Page(await pages.get("/papers/2603.00001")).links()

    assert {"/papers?q=%22Ada+Lindqvist%22", "/papers?q=flow+matching", "/papers?q=C%2B%2B+%26+more"} <= set(
        links
    )
    for link in links:
        if link.startswith("/papers?q="):
            assert (await pages.get(link)).status_code == 200


async def test_what_was_asked_for_is_text_in_the_error(library):
    for address in [f"/papers/{SCRIPT}", f"/papers/date/{SCRIPT}", f"/papers?after={SCRIPT}", f"/{SCRIPT}"]:
        answer = await library.get(address)
        assert answer.status_code in (400, 404)
        assert [tag for tag, _ in Page(answer).elements].count("script") == len(SCRIPTS)


# --- Samples ---------------------------------------------------------------------------------------------


async def test_samples_are_labelled_on_every_page_and_real_papers_are_not(pages, database):
    addresses = ["/papers", "/papers/trending", "/papers/0000.00001", "/papers/date/2026-03-02", "/status"]
    await listed(database, "2026-03-02", item("0000.00001"), feed="sample")
    for address in addresses:
        assert "These papers are samples" in Page(await pages.get(address)).text

    async with database.writing() as session:
        await session.execute(text("DELETE FROM papers"))
    await listed(database, "2026-03-02", item("2603.00001"))
    for address in ["/papers/2603.00001", *addresses]:
        assert "samples" not in Page(await pages.get(address)).text


# --- Errors, headers, health -----------------------------------------------------------------------------

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
        ("/papers/date/2026-02-30", 400, "'2026-02-30' is not a date such as 2025-10-29."),
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
async def test_what_can_not_be_shown_has_a_page_that_says_why(library, address, status, words):
    page = Page(await library.get(address))

    assert page.status == status
    assert words in page.text
    assert "Traceback" not in page.text


async def test_other_methods_are_refused(library):
    for address in ["/papers", "/papers/2603.00001", "/status"]:
        answer = await library.post(address)
        assert answer.status_code == 405
        assert "GET" in answer.headers["Allow"]
        assert "This address doesn't take that." in Page(answer).text


@pytest.mark.parametrize("address", [*ALL, "/nowhere", "/papers/date/x", "/static/style.css", "/"])
async def test_head_is_get_without_the_body(library, address):
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
async def test_every_answer_has_the_security_headers(library, address):
    answer = await library.get(address)

    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    assert "unsafe-inline" not in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("address", ALL)
async def test_no_page_has_inline_script_or_style_or_loads_from_elsewhere(pages, database, address):
    await listed(database, "2026-03-02", full("2603.00001"))
    page = Page(await pages.get(address))

    assert page.status == 200
    for tag, attrs in page.elements:
        assert tag != "style"
        assert "style" not in attrs
        assert not runs(tag, attrs) or (attrs.get("src") or "").startswith("/static/")
        loaded = attrs.get("src") or (attrs.get("href") if tag == "link" else None) or "/"
        assert loaded.startswith(("/", "http://127.0.0.1:8000/")), (tag, attrs)


async def test_a_fault_of_ours_is_a_page_without_a_traceback_logged_once(pages, database):
    await listed(database, "2026-03-02", item("2603.00001"))
    async with database.writing() as session:
        await session.execute(text("ALTER TABLE listings RENAME TO gone"))
    with capture_logs() as logs:
        answer = await pages.get("/papers")
        told = await pages.get("/api/daily_papers")

    assert answer.status_code == told.status_code == 500
    assert "The fault is ours." in Page(answer).text
    assert told.json()["error"] == "The fault is ours. It has been written to the log."
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    assert [(log["event"], log["path"]) for log in logs] == [
        ("unexpected error", "/papers"),
        ("unexpected error", "/api/daily_papers"),
    ]
    assert "listings" not in answer.text + told.text


async def test_a_database_that_is_gone_is_a_503_and_one_that_is_back_is_read_again(server):
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
    assert "The database can't be reached right now." in Page(page).text
    assert (api.status_code, api.json()["status"]) == (503, 503)
    assert {name: page.headers.get(name) for name in HEADERS} == HEADERS
    assert (ready.status_code, ready.json()) == (503, {"status": "no database"})
    assert (healthy.status_code, docs.status_code) == (200, 200)
    assert again == [200, 200]


async def test_readyz_names_both_schemas_when_they_differ(pages, database):
    assert (await pages.get("/readyz")).status_code == 200
    async with database.writing() as session:
        await session.execute(text("UPDATE alembic_version SET version_num = 'another'"))
    answer = await pages.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["status"] == "wrong schema"
    assert answer.json()["schema"] == "another"
    assert answer.json()["expected"] not in (None, "another")


async def test_readyz_is_ready_for_a_newer_schema_that_says_it_is_compatible(pages, database):
    expected = (await pages.get("/readyz")).json()["expected"]
    async with database.writing() as session:
        await session.execute(text("UPDATE alembic_version SET version_num = 'newer'"))
        await session.execute(text("INSERT INTO compatible_code (revision) VALUES (:r)"), {"r": expected})

    assert (await pages.get("/readyz")).json()["status"] == "ready"


# --- Docs and status -------------------------------------------------------------------------------------


async def test_the_docs_name_every_described_address(pages):
    page = Page(await pages.get("/docs"))

    for path in (await pages.get("/openapi.json")).json()["paths"]:
        assert path in page.text


async def test_the_status_of_a_site_that_has_read_nothing(pages):
    page = Page(await pages.get("/status"))

    assert "Nothing has been read yet" in page.text
    assert "Hugging Face" in page.text


# --- The process -----------------------------------------------------------------------------------------


def test_the_web_process_imports_nothing_heavy():
    code = (
        "import sys, paperround.web.app;"
        "print({'torch', 'sklearn', 'sentence_transformers', 'scipy', 'transformers'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "set()"
