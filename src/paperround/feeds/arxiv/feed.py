"""arXiv: today's announcements by category, and earlier days from its query API.

The announcements are of the current day only (in US Eastern time), so a day that has passed is asked for by
the time of submission. docs/decisions/0005-two-feeds-one-paper.md says what that means for its list.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime
from typing import Any, Final, TypeVar

import httpx

from paperround.database import Database, utc_now
from paperround.feeds.arxiv import record as arxiv_record
from paperround.feeds.arxiv import xml
from paperround.feeds.arxiv.calendar import Window, announced_on
from paperround.feeds.arxiv.xml import EASTERN, Page
from paperround.feeds.http import USER_AGENT, FeedError, FeedUnreachable, FeedUnreadable, Limits, get
from paperround.feeds.quarantine import content_hash
from paperround.papers.record import FeedPaper
from paperround.settings import Settings
from paperround.throttle import Pace

PAGE: Final = 200
MOST_PAGES: Final = 100  # of one category's day
HOST: Final = "arxiv.org"  # feed and query API are one host's business: their pace is one
# The query API takes its time, and may answer with nothing the first time it is asked.
PATIENT: Final = Limits(silence=60, whole=180, first_wait=3)

Answer = TypeVar("Answer")


class ArXiv:
    name: Final = "arxiv"

    def __init__(
        self,
        client: httpx.AsyncClient,
        settings: Settings,
        pace: Pace,
        limits: Limits,
        clock: Callable[[], datetime],
    ) -> None:
        self._client = client
        self._feed = f"{str(settings.arxiv_url).rstrip('/')}/atom"
        self._query = f"{str(settings.arxiv_query_url).rstrip('/')}/api/query"
        self._categories = settings.arxiv_categories
        self._limits = limits
        self._clock = clock
        self._asking = asyncio.Lock()
        self.pace = pace

    async def records(self, day: date) -> list[object]:
        """All announcements of the day, each paper once. Raises `FeedError`; then nothing of it is known."""
        if day >= self._clock().astimezone(EASTERN).date():
            announced = await self._announcements(day)
            if announced is not None:
                return each_once(announced)
        window = announced_on(day)
        return each_once(await self._submitted(window)) if window else []

    async def one(self, paper_id: str) -> FeedPaper | None:
        """A single paper, None when there is none of that id. Raises `FeedError` and `Unreadable`."""
        parameters: dict[str, str | int] = {"id_list": paper_id, "max_results": 1}
        page = await self._ask(paper_id, self._query, parameters, xml.page)
        found = [entry for entry in page.entries if self.guess_id(entry) == paper_id]
        return self.read(found[0]) if found else None

    async def _announcements(self, day: date) -> list[dict[str, Any]] | None:
        """None when a category has gone on to a later day. One that still has an earlier day has none yet."""
        found: list[dict[str, Any]] = []
        for category in self._categories:
            answer = await self._ask(category, f"{self._feed}/{category}", {}, xml.announcements)
            if answer.day > day:
                return None
            if answer.day == day:
                found += answer.entries
        return found

    async def _submitted(self, window: Window) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for category in self._categories:
            found += await self._category(category, window)
        return found

    async def _category(self, category: str, window: Window) -> list[dict[str, Any]]:
        """All pages. The server may give less than was asked for, and papers may move from page to page."""
        first, end = (f"{moment:%Y%m%d%H%M}" for moment in window)
        found: list[dict[str, Any]] = []
        for _ in range(MOST_PAGES):
            parameters: dict[str, str | int] = {
                "search_query": f"cat:{category} AND submittedDate:[{first} TO {end}]",
                "sortBy": "submittedDate",
                "sortOrder": "ascending",
                "start": len(found),
                "max_results": PAGE,
            }
            page = await self._ask(category, self._query, parameters, _expecting(len(found)))
            found += page.entries
            if len(found) >= page.total:
                return found
        raise FeedUnreadable(f"{category}: the answer has no end ({MOST_PAGES} pages)")

    async def _ask(
        self,
        category: str,
        url: str,
        parameters: Mapping[str, str | int],
        read: Callable[[bytes, str], Answer],
    ) -> Answer:
        """One request at a time, as arXiv wants it; an error says which category it was about.

        XML is parsed in a thread: a day of a large category takes half a second.
        """

        async def parse(body: bytes, kind: str) -> Answer:
            return await asyncio.to_thread(read, body, kind)

        async with self._asking:
            try:
                return await get(self._client, url, parameters, self.pace, self._limits, read=parse)
            except FeedUnreachable as error:
                raise FeedUnreachable(f"{category}: {error}", error.retry_at) from error
            except FeedError as error:
                raise FeedUnreadable(f"{category}: {error}") from error

    def read(self, record: object) -> FeedPaper:
        """Raises `Unreadable`."""
        return arxiv_record.read(record, self._categories)

    @staticmethod
    def guess_id(record: object) -> str | None:
        return arxiv_record.guess_id(record)


def _expecting(start: int) -> Callable[[bytes, str], Page]:
    """arXiv sometimes answers with an empty page where there is more: then the reading is not whole."""

    def read(body: bytes, kind: str) -> Page:
        page = xml.page(body, kind)
        if not page.entries and start < page.total:
            raise FeedUnreadable(f"an empty page after {start} of {page.total} papers")
        return page

    return read


def each_once(entries: Sequence[dict[str, Any]]) -> list[object]:
    """A paper that several categories announce, once: as the strongest of its announcements."""
    by_paper: dict[str, dict[str, Any]] = {}
    for entry in entries:
        key = arxiv_record.guess_id(entry) or content_hash(entry)
        known = by_paper.get(key)
        if known is None or arxiv_record.strength(entry) < arxiv_record.strength(known):
            by_paper[key] = entry
    return list(by_paper.values())


@asynccontextmanager
async def arxiv(
    settings: Settings,
    database: Database,
    limits: Limits = PATIENT,
    clock: Callable[[], datetime] = utc_now,
) -> AsyncIterator[ArXiv]:
    headers = {"User-Agent": USER_AGENT, "Accept": "application/atom+xml"}
    async with httpx.AsyncClient(headers=headers, follow_redirects=True, max_redirects=3) as client:
        pace = Pace.every(database, HOST, settings.arxiv_interval)
        yield ArXiv(client, settings, pace, limits, clock)
