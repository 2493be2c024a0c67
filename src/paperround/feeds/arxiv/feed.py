"""Fetches arXiv's announcements of today by category, and earlier days from its query API.

arXiv announces only the current day (in US Eastern time). For an earlier day, the query API is asked for
papers by their time of submission. docs/decisions/0005-two-feeds-one-paper.md says what that means for the
list.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import date, datetime
from typing import Final, TypeVar

import httpx

from paperround.database import Database, utc_now
from paperround.feeds.arxiv import record as arxiv_record
from paperround.feeds.arxiv import xml
from paperround.feeds.arxiv.calendar import SubmissionWindow, submission_window
from paperround.feeds.arxiv.xml import EASTERN, Entry, QueryPage
from paperround.feeds.fetched_list import FetchedList
from paperround.feeds.http import (
    USER_AGENT,
    FeedError,
    FeedUnreachable,
    FeedUnreadable,
    RequestLimits,
    fetch,
    open_feed_client,
)
from paperround.feeds.quarantine import hash_content
from paperround.papers.record import FeedPaper, RecordUnreadable
from paperround.settings import Settings
from paperround.throttle import Throttle

PAGE_SIZE: Final = 200
MAX_PAGES: Final = 100  # of one category's day
HOST: Final = "arxiv.org"  # the feed and the query API belong to one host, so they share one throttle
# The query API is slow, and its first answer may be empty.
ARXIV_LIMITS: Final = RequestLimits(read_timeout=60, total_timeout=180, first_retry_delay=3)

Parsed = TypeVar("Parsed")


class ArxivClient:
    """The client of arXiv: a `FeedClient` that can also fetch single papers."""

    name: Final = "arxiv"

    def __init__(
        self,
        client: httpx.AsyncClient,
        settings: Settings,
        throttle: Throttle,
        limits: RequestLimits,
        clock: Callable[[], datetime],
    ) -> None:
        self._client = client
        self._feed = f"{str(settings.arxiv_url).rstrip('/')}/atom"
        self._query = f"{str(settings.arxiv_query_url).rstrip('/')}/api/query"
        self._categories = settings.arxiv_categories
        self._limits = limits
        self._clock = clock
        self._request_lock = asyncio.Lock()
        self.throttle = throttle

    async def fetch_records(self, day: date) -> FetchedList:
        """Fetch the day's announcements, each paper once. Raises `FeedError` unless the list is complete.

        Before arXiv has published them, or where a category shows those of an earlier day, the list is late.
        """
        if day >= self._clock().astimezone(EASTERN).date():
            announced = await self._fetch_announcements(day)
            if announced is not None:
                return announced
        window = submission_window(day)
        return FetchedList(remove_duplicates(await self._fetch_submitted(window)) if window else [])

    async def fetch_paper(self, paper_id: str) -> FeedPaper | None:
        """Fetch a single paper. Returns None for an unknown id. Raises `FeedError` or `RecordUnreadable`."""
        parameters: dict[str, str | int] = {"id_list": paper_id, "max_results": 1}
        page = await self._fetch(paper_id, self._query, parameters, xml.parse_query_page)
        matches = [entry for entry in page.entries if self.guess_paper_id(entry) == paper_id]
        return self.parse_record(matches[0]) if matches else None

    async def fetch_papers(self, paper_ids: Sequence[str]) -> dict[str, FeedPaper]:
        """Fetch papers by their ids in one request. Others are left out. Raises `FeedError`."""
        parameters: dict[str, str | int] = {"id_list": ",".join(paper_ids), "max_results": len(paper_ids)}
        page = await self._fetch(f"{len(paper_ids)} papers", self._query, parameters, xml.parse_query_page)
        papers: dict[str, FeedPaper] = {}
        for entry in page.entries:
            with suppress(RecordUnreadable):
                paper = self.parse_record(entry)
                papers[paper.id] = paper
        return {paper_id: papers[paper_id] for paper_id in paper_ids if paper_id in papers}

    async def _fetch_announcements(self, day: date) -> FetchedList | None:
        """Fetch the day's announcements, or None when a category already shows a later day.

        A category that still shows an earlier day has no announcements yet: it is late, except at weekends.
        """
        entries: list[Entry] = []
        late: dict[date, list[str]] = {}
        for category in self._categories:
            answer = await self._fetch(category, f"{self._feed}/{category}", {}, xml.parse_announcements)
            if answer.day > day:
                return None
            if answer.day == day:
                entries += answer.entries
            else:
                late.setdefault(answer.day, []).append(category)
        has_announcements = submission_window(day) is not None
        return FetchedList(remove_duplicates(entries), describe_late(late) if has_announcements else None)

    async def _fetch_submitted(self, window: SubmissionWindow) -> list[Entry]:
        entries: list[Entry] = []
        for category in self._categories:
            entries += await self._fetch_category(category, window)
        return entries

    async def _fetch_category(self, category: str, window: SubmissionWindow) -> list[Entry]:
        """Fetch all pages.

        The server may send fewer papers than requested, and papers may move between pages.
        """
        first, end = (f"{moment:%Y%m%d%H%M}" for moment in window)
        entries: list[Entry] = []
        for _ in range(MAX_PAGES):
            parameters: dict[str, str | int] = {
                "search_query": f"cat:{category} AND submittedDate:[{first} TO {end}]",
                "sortBy": "submittedDate",
                "sortOrder": "ascending",
                "start": len(entries),
                "max_results": PAGE_SIZE,
            }
            page = await self._fetch(category, self._query, parameters, _page_parser(len(entries)))
            entries += page.entries
            if len(entries) >= page.total:
                return entries
        raise FeedUnreadable(f"{category}: the answer has no end ({MAX_PAGES} pages)")

    async def _fetch(
        self,
        category: str,
        url: str,
        parameters: Mapping[str, str | int],
        read: Callable[[bytes, str], Parsed],
    ) -> Parsed:
        """Send one request at a time, as arXiv requires. An error names the category.

        XML is parsed in a thread: a day of a large category takes half a second.
        """

        async def parse(body: bytes, kind: str) -> Parsed:
            return await asyncio.to_thread(read, body, kind)

        async with self._request_lock:
            try:
                return await fetch(self._client, url, parameters, self.throttle, self._limits, parse=parse)
            except FeedUnreachable as error:
                raise FeedUnreachable(f"{category}: {error}", error.retry_at) from error
            except FeedError as error:
                raise FeedUnreadable(f"{category}: {error}") from error

    def parse_record(self, record: object) -> FeedPaper:
        """Parse an entry of arXiv. Raises `RecordUnreadable`."""
        return arxiv_record.parse_record(record, self._categories)

    @staticmethod
    def guess_paper_id(record: object) -> str | None:
        """Guess the paper id of an unreadable entry. Returns None if it has no valid id."""
        return arxiv_record.guess_paper_id(record)


def _page_parser(start: int) -> Callable[[bytes, str], QueryPage]:
    """Build a parser that rejects an empty page before the end of the list. arXiv sometimes sends one."""

    def read(body: bytes, kind: str) -> QueryPage:
        page = xml.parse_query_page(body, kind)
        if not page.entries and start < page.total:
            raise FeedUnreadable(f"an empty page after {start} of {page.total} papers")
        return page

    return read


def remove_duplicates(entries: Sequence[Entry]) -> list[object]:
    """Keep one entry per paper. Of several categories' announcements the strongest stays."""
    by_paper: dict[str, Entry] = {}
    for entry in entries:
        key = arxiv_record.guess_paper_id(entry) or hash_content(entry)
        previous = by_paper.get(key)
        if previous is None or arxiv_record.announcement_rank(entry) < arxiv_record.announcement_rank(
            previous
        ):
            by_paper[key] = entry
    return list(by_paper.values())


def describe_late(late: Mapping[date, Sequence[str]]) -> str | None:
    """Say which categories still show the announcements of which day. None where there are none."""
    if not late:
        return None
    told = (f"{', '.join(categories)} of {day}" for day, categories in sorted(late.items()))
    return f"not complete yet: arXiv still shows the announcements in {'; in '.join(told)}"


@asynccontextmanager
async def open_arxiv(
    settings: Settings,
    database: Database,
    limits: RequestLimits = ARXIV_LIMITS,
    clock: Callable[[], datetime] = utc_now,
) -> AsyncIterator[ArxivClient]:
    """Open a client of arXiv for the time of the block."""
    headers = {"User-Agent": USER_AGENT, "Accept": "application/atom+xml"}
    async with open_feed_client(settings.arxiv_url, settings.arxiv_query_url, headers=headers) as client:
        throttle = Throttle.one_per_interval(database, HOST, settings.arxiv_interval)
        yield ArxivClient(client, settings, throttle, limits, clock)
