"""What the invariants look at: a site with its database, its feed and its mail server."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpx
import psycopg

from paperround.digests.links import DigestLinks
from paperround.tokens import Signer

from torture.feed import GrowingFeed
from torture.sink import FaultySink

SECRET_KEY = "a key that signs what is sent while the program is tortured"
MAIL_FROM = "Paperround <papers@example.org>"
LINKS = DigestLinks(
    Signer([SECRET_KEY]), "http://127.0.0.1", MAIL_FROM, "example.org", "papers@example.org", False
)


class Site:
    """A running site. `faults` counts what was done to it."""

    def __init__(self, chance: random.Random, *, address: str = "127.0.0.1") -> None:
        self.chance = chance
        self.feed = GrowingFeed(random.Random(chance.random()))
        self.sink = FaultySink(random.Random(chance.random()), host=address)
        self.faults: Counter[str] = Counter()

    @property
    def url(self) -> str:
        """Where readers find the site."""
        raise NotImplementedError

    @property
    def database_url(self) -> str:
        raise NotImplementedError

    @property
    def settings(self) -> dict[str, str]:
        """The settings that all processes share, as environment variables, beside their addresses."""
        return {
            "PAPERROUND_PUBLIC_URL": self.url,
            "PAPERROUND_CATCH_UP_DAYS": str(self.feed.days - 1),
            "PAPERROUND_READ_EVERY": "00:01:00",
            "PAPERROUND_FEED_RATE": "0",
            "PAPERROUND_SMTP_URL": f"smtp://{self.sink.host}:{self.sink.port}?tls=off",
            "PAPERROUND_MAIL_FROM": MAIL_FROM,
            "PAPERROUND_SECRET_KEY": SECRET_KEY,
            "PAPERROUND_CHANNEL_NETWORKS": "127.0.0.1/32",
            "PAPERROUND_LOG_FORMAT": "json",
        }

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"{self.url}{path}", timeout=30)

    @contextmanager
    def database(self) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        with psycopg.connect(self.database_url, connect_timeout=10, autocommit=True) as connection:
            yield connection

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with self.database() as connection:
            return connection.execute(query, parameters).fetchall()

    def execute(self, query: str, *parameters: Any) -> None:
        with self.database() as connection:
            connection.execute(query, parameters)

    def until(self, condition: Callable[[], object], what: str, *, seconds: float = 120) -> None:
        """Wait for it; what the database or the site cannot say meanwhile counts as "not yet"."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with suppress(httpx.HTTPError, psycopg.Error):
                if condition():
                    return
            time.sleep(0.25)
        raise TimeoutError(f"not within {seconds:.0f} s: {what}")
