"""The feeds by name."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Final

from paperround.database import Database
from paperround.feeds.arxiv.feed import arxiv
from paperround.feeds.huggingface.feed import huggingface
from paperround.feeds.ingestion import Feed
from paperround.settings import FeedName, Settings

SOURCES: Final[dict[FeedName, Callable[[Settings, Database], AbstractAsyncContextManager[Feed]]]] = {
    "huggingface": huggingface,
    "arxiv": arxiv,
}


def opened(name: FeedName, settings: Settings, database: Database) -> AbstractAsyncContextManager[Feed]:
    """The feed of that name, ready to be asked."""
    return SOURCES[name](settings, database)
