"""Pages as tests read them: an open site, parsed HTML, and texts that must stay text."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html.parser import HTMLParser
from typing import Any

import httpx
from fastapi.routing import APIRoute

from paperround.database import Database
from paperround.settings import Settings
from paperround.web import dependencies
from paperround.web.assets import fingerprint

from support.factories import feed_record, store_listing, utc
from support.sites import web_app

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
        app.dependency_overrides[dependencies.get_now] = lambda: utc(now)
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client,
        ):
            yield client


def app_routes(client: httpx.AsyncClient) -> list[APIRoute]:
    """Every route of the site that `opened` gave."""
    application = client._transport.app  # type: ignore[attr-defined]
    routers = [route.original_router for route in application.routes if hasattr(route, "original_router")]
    return [route for router in routers for route in router.routes if isinstance(route, APIRoute)]


async def three_days(database: Database) -> None:
    await store_listing(database, "2026-02-27", feed_record("2602.00001"))
    await store_listing(
        database, "2026-03-02", *(feed_record(f"2603.{n:05}", paper__upvotes=n) for n in range(1, 4))
    )
    await store_listing(
        database, "2026-03-06", feed_record("2603.00010"), feed_record("astro-ph/0601001", paper__upvotes=50)
    )


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
