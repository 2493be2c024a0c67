"""The hub's Daily Papers API: the list of one day, page after page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from typing import Final

import httpx

from paperround.database import Database
from paperround.feeds.http import USER_AGENT, FeedUnreadable, Limits, get_json
from paperround.feeds.huggingface import record as huggingface_record
from paperround.feeds.quarantine import content_hash
from paperround.papers.record import FeedPaper
from paperround.settings import Settings
from paperround.throttle import Pace

PAGE: Final = 100  # what the hub gives at most; it caps silently
MOST_PAGES: Final = 100
DEFAULT_LIMITS: Final = Limits()


class HuggingFace:
    name: Final = "huggingface"

    def __init__(self, client: httpx.AsyncClient, address: str, pace: Pace, limits: Limits) -> None:
        self._client = client
        self._limits = limits
        self._address = f"{address.rstrip('/')}/api/daily_papers"
        self.pace = pace

    async def records(self, day: date) -> list[object]:
        """All records of the day's list. Raises `FeedError`; then nothing of the day is known.

        Pages until one brings nothing new, since a full page may be the server's own cap, and a server that
        ignores `p` answers with the same papers for ever.
        """
        found: list[object] = []
        known: set[str] = set()
        for number in range(MOST_PAGES):
            page = await self._page(day, number)
            papers = {huggingface_record.guess_id(record) or content_hash(record) for record in page}
            if papers <= known:
                return found
            found += page
            known |= papers
        raise FeedUnreadable(f"the list of {day} has no end ({MOST_PAGES} pages)")

    async def _page(self, day: date, number: int) -> list[object]:
        parameters: dict[str, str | int] = {"date": day.isoformat(), "p": number, "limit": PAGE}
        answer = await get_json(self._client, self._address, parameters, self.pace, self._limits)
        if not isinstance(answer, list):
            raise FeedUnreadable(f"the answer is not a list but {type(answer).__name__}")
        return answer

    @staticmethod
    def read(record: object) -> FeedPaper:
        """Raises `Unreadable`."""
        return huggingface_record.read(record)

    @staticmethod
    def guess_id(record: object) -> str | None:
        return huggingface_record.guess_id(record)


@asynccontextmanager
async def huggingface(
    settings: Settings, database: Database, limits: Limits = DEFAULT_LIMITS
) -> AsyncIterator[HuggingFace]:
    headers = {"User-Agent": USER_AGENT, "Accept": "application/json"}
    if settings.huggingface_token:
        headers["Authorization"] = f"Bearer {settings.huggingface_token.get_secret_value()}"
    host = settings.huggingface_url.host or ""
    async with httpx.AsyncClient(headers=headers, follow_redirects=True, max_redirects=3) as client:
        pace = Pace(database, host, settings.feed_rate)
        yield HuggingFace(client, str(settings.huggingface_url), pace, limits)
