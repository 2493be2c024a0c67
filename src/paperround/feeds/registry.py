"""The registry of all feeds, by name.

A feed is a client (the protocol `FeedClient` in `feeds/ingestion.py`) and the parser of its records. To add
one, write a package with both beside `arxiv/` and `huggingface/`, and list the function that opens its client
here.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Final

from paperround.database import Database
from paperround.feeds.arxiv.feed import open_arxiv
from paperround.feeds.huggingface.feed import open_huggingface
from paperround.feeds.ingestion import FeedClient
from paperround.settings import FeedName, Settings

FEED_CLIENTS: Final[
    dict[FeedName, Callable[[Settings, Database], AbstractAsyncContextManager[FeedClient]]]
] = {
    "huggingface": open_huggingface,
    "arxiv": open_arxiv,
}


def open_feed(
    name: FeedName, settings: Settings, database: Database
) -> AbstractAsyncContextManager[FeedClient]:
    """Open the client of the feed with that name."""
    return FEED_CLIENTS[name](settings, database)
