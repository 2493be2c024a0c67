"""Fetches what libraries name and the catalogue lacks, some papers in a request, as often as arXiv allows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

import structlog
from sqlalchemy import select

from paperround.database import Database, utc_now
from paperround.feeds.http import FeedError
from paperround.papers.record import FeedPaper
from paperround.text.markup import render_unicode
from paperround.text.plain import to_plain_text
from paperround.throttle import Throttle
from paperround.topics.changes import mark_changed, request_matching
from paperround.topics.library_entries import MAX_ABSTRACT_LENGTH, MAX_TITLE_LENGTH
from paperround.topics.tables import EntryState, LibraryEntry

logger = structlog.get_logger(__name__)

BATCH_SIZE: Final = 50  # papers in a request
FIRST_RETRY_DELAY: Final = timedelta(minutes=1)  # doubled after each attempt
MAX_ATTEMPTS: Final = 6  # within an hour

UNKNOWN: Final = "arXiv has no such paper, or its record could not be read."
UNREACHABLE: Final = "arXiv could not be read. Upload the library again later."


class PapersSource(Protocol):
    """A client that fetches papers from arXiv. `fetch_papers` raises `FeedError`."""

    throttle: Throttle

    async def fetch_papers(self, paper_ids: Sequence[str]) -> Mapping[str, FeedPaper]: ...


async def fetch_due_entries(
    database: Database, source: PapersSource, *, clock: Callable[[], datetime] = utc_now
) -> int:
    """Fetch the due entries until none is left or arXiv asks for a pause. Returns how many were tried."""
    tried = 0
    while not await source.throttle.paused_until(now=clock()):
        keys = await _claim(database, now=clock())
        if not keys:
            break
        tried += len(keys)
        papers: Mapping[str, FeedPaper] | None = None
        try:
            papers = await source.fetch_papers(sorted(set(keys.values())))
        except FeedError as error:
            logger.warning("could not fetch papers of libraries", papers=len(keys), error=str(error))
        await _store(database, keys, papers, now=clock())
    return tried


async def _claim(database: Database, *, now: datetime) -> dict[tuple[int, int], str]:
    """Claim entries that are due. If this worker dies, they become due again later."""
    async with database.write_session() as session:
        due = select(LibraryEntry).where(LibraryEntry.next_try_at <= now)
        query = due.order_by(LibraryEntry.next_try_at, LibraryEntry.topic_id, LibraryEntry.number)
        held = query.limit(BATCH_SIZE).with_for_update(skip_locked=True)
        entries = (await session.scalars(held)).all()
        for entry in entries:
            entry.next_try_at = now + FIRST_RETRY_DELAY * 2**entry.tries
            entry.tries += 1
        return {(entry.topic_id, entry.number): entry.arxiv_id for entry in entries}


async def _store(
    database: Database,
    keys: Mapping[tuple[int, int], str],
    papers: Mapping[str, FeedPaper] | None,
    *,
    now: datetime,
) -> None:
    """Store what came. `papers` is None if arXiv could not be read."""
    async with database.write_session() as session:
        changed = set()
        for (topic_id, number), arxiv_id in keys.items():
            entry = await session.get(LibraryEntry, (topic_id, number), with_for_update=True)
            if entry is None or entry.arxiv_id != arxiv_id or entry.state is not EntryState.waiting:
                continue  # the topic went, or has another library
            if papers is None:
                if entry.tries >= MAX_ATTEMPTS:
                    _end(entry, EntryState.missing, UNREACHABLE)
            elif paper := papers.get(arxiv_id):
                entry.title = to_plain_text(render_unicode(paper.title or ""))[:MAX_TITLE_LENGTH]
                entry.abstract = to_plain_text(render_unicode(paper.abstract or ""))[:MAX_ABSTRACT_LENGTH]
                entry.label = entry.title or arxiv_id
                _end(entry, EntryState.fetched)
                changed.add(topic_id)
            else:
                _end(entry, EntryState.missing, UNKNOWN)
        if changed:
            await mark_changed(session, changed, now=now)
            await request_matching(session)


def _end(entry: LibraryEntry, state: EntryState, reason: str = "") -> None:
    entry.state, entry.reason, entry.next_try_at = state, reason, None
