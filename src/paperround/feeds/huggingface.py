"""The hub's Daily Papers API: the list of one day, page after page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from typing import Final

import httpx

from paperround.database import Database
from paperround.feeds import hub_record
from paperround.feeds.fetching import USER_AGENT, FeedUnreadable, get_json
from paperround.feeds.pace import Pace
from paperround.papers.record import FeedPaper
from paperround.settings import Settings

PAGE: Final = 100  # what the hub gives at most; it caps silently
MOST_PAGES: Final = 100


class HuggingFace:
    name: Final = "huggingface"

    def __init__(self, client: httpx.AsyncClient, address: str, pace: Pace) -> None:
        self._client = client
        self._address = f"{address.rstrip('/')}/api/daily_papers"
        self.pace = pace

    async def records(self, day: date) -> list[object]:
        """All records of the day's list. Raises `FeedError`; then nothing of the day is known.

        Pages until one is empty, since a full page may be the server's own cap. A server that ignores `p`
        answers with the same page for ever: the first page that is like the one before ends the list.
        """
        found: list[object] = []
        before: list[object] | None = None
        for number in range(MOST_PAGES):
            page = await self._page(day, number)
            if not page or page == before:
                return found
            found += page
            before = page
        raise FeedUnreadable(f"the list of {day} has no end ({MOST_PAGES} pages)")

    async def _page(self, day: date, number: int) -> list[object]:
        parameters: dict[str, str | int] = {"date": day.isoformat(), "p": number, "limit": PAGE}
        answer = await get_json(self._client, self._address, parameters, self.pace)
        if not isinstance(answer, list):
            raise FeedUnreadable(f"the answer is not a list but {type(answer).__name__}")
        return answer

    @staticmethod
    def read(record: object) -> FeedPaper:
        """Raises `hub_record.Unreadable`."""
        return hub_record.read(record)


@asynccontextmanager
async def huggingface(settings: Settings, database: Database) -> AsyncIterator[HuggingFace]:
    headers = {"User-Agent": USER_AGENT, "Accept": "application/json"}
    if settings.huggingface_token:
        headers["Authorization"] = f"Bearer {settings.huggingface_token.get_secret_value()}"
    host = settings.huggingface_url.host or ""
    async with httpx.AsyncClient(
        headers=headers, timeout=httpx.Timeout(20, connect=5), follow_redirects=True, max_redirects=3
    ) as client:
        pace = Pace(database, host, settings.feed_rate)
        yield HuggingFace(client, str(settings.huggingface_url), pace)
