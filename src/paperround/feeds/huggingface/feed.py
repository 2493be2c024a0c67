"""Fetches the list of a day from the hub's Daily Papers API, page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from typing import Final

import httpx

from paperround.database import Database
from paperround.feeds.fetched_list import FetchedList
from paperround.feeds.http import (
    USER_AGENT,
    FeedUnreadable,
    RequestLimits,
    fetch_json,
    open_feed_client,
)
from paperround.feeds.huggingface import record as huggingface_record
from paperround.feeds.quarantine import hash_content
from paperround.papers.record import FeedPaper
from paperround.settings import Settings
from paperround.throttle import Throttle

PAGE_SIZE: Final = 100  # the hub's maximum; it silently lowers a larger number
MAX_PAGES: Final = 100
DEFAULT_LIMITS: Final = RequestLimits()


class HuggingFaceClient:
    """The client of the Daily Papers API: a `FeedClient`."""

    name: Final = "huggingface"

    def __init__(
        self, client: httpx.AsyncClient, address: str, throttle: Throttle, limits: RequestLimits
    ) -> None:
        self._client = client
        self._limits = limits
        self._address = f"{address.rstrip('/')}/api/daily_papers"
        self.throttle = throttle

    async def fetch_records(self, day: date) -> FetchedList:
        """Fetch all records of the day's list. Raises `FeedError` unless the list is complete.

        The last page is the one that has no new papers. A page's length does not tell, since the server may
        lower the limit, and a server that ignores `p` always sends the same page.
        """
        records: list[object] = []
        known: set[str] = set()
        for number in range(MAX_PAGES):
            page = await self._fetch_page(day, number)
            papers = {huggingface_record.guess_paper_id(record) or hash_content(record) for record in page}
            if papers <= known:
                return FetchedList(records)
            records += page
            known |= papers
        raise FeedUnreadable(f"the list of {day} has no end ({MAX_PAGES} pages)")

    async def _fetch_page(self, day: date, number: int) -> list[object]:
        parameters: dict[str, str | int] = {"date": day.isoformat(), "p": number, "limit": PAGE_SIZE}
        answer = await fetch_json(self._client, self._address, parameters, self.throttle, self._limits)
        if not isinstance(answer, list):
            raise FeedUnreadable(f"the answer is not a list but {type(answer).__name__}")
        return answer

    @staticmethod
    def parse_record(record: object) -> FeedPaper:
        """Parse an item of the daily list. Raises `RecordUnreadable`."""
        return huggingface_record.parse_record(record)

    @staticmethod
    def guess_paper_id(record: object) -> str | None:
        """Guess the paper id of an unreadable item. Returns None if it has no valid id."""
        return huggingface_record.guess_paper_id(record)


@asynccontextmanager
async def open_huggingface(
    settings: Settings, database: Database, limits: RequestLimits = DEFAULT_LIMITS
) -> AsyncIterator[HuggingFaceClient]:
    """Open a client of the hub for the time of the block."""
    headers = {"User-Agent": USER_AGENT, "Accept": "application/json"}
    if settings.huggingface_token:
        headers["Authorization"] = f"Bearer {settings.huggingface_token.get_secret_value()}"
    host = settings.huggingface_url.host or ""
    async with open_feed_client(settings.huggingface_url, headers=headers) as client:
        throttle = Throttle(database, host, settings.feed_rate)
        yield HuggingFaceClient(client, str(settings.huggingface_url), throttle, limits)
