"""Puts saved papers into readers' Zotero libraries, and reads the collections that topics learn from.

A paper has one key in a library, whoever puts it there and however often: an answer that was lost, a worker
that died and a library that changed meanwhile lead to a question which of the keys are there.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

import httpx
import structlog
from sqlalchemy import exists, or_, select
from sqlalchemy.dialects.postgresql import insert

from paperround.database import Database, ReadSession, utc_now
from paperround.i18n.messages import gettext as _
from paperround.library.tables import SavedPaper
from paperround.papers.editions import load_papers
from paperround.papers.rows import PaperRow
from paperround.tokens import BadToken, Signer
from paperround.topics import reader_topics, seeds
from paperround.topics.bibliography import BibliographyInvalid, parse_bibliography
from paperround.topics.drafts import MAX_EXAMPLES, TopicInvalid
from paperround.topics.library_entries import LibraryDraft, draft_entries
from paperround.topics.reader_topics import TopicNotFound
from paperround.zotero.client import (
    MAX_ITEMS,
    ZoteroBusy,
    ZoteroClient,
    ZoteroConflict,
    ZoteroError,
    ZoteroRefused,
)
from paperround.zotero.connections import FORGOTTEN_KEY, PURPOSE, select_unsent_conditions
from paperround.zotero.items import build_item, build_item_key
from paperround.zotero.tables import ZoteroConnection, ZoteroItem

logger = structlog.get_logger(__name__)

LEASE: Final = timedelta(minutes=10)  # after which another worker takes up what one began
COLLECTION_INTERVAL: Final = timedelta(days=1)
FIRST_RETRY_DELAY: Final = timedelta(minutes=1)  # doubled after each failure
MAX_RETRY_DELAY: Final = timedelta(hours=6)
MAX_CONFLICTS: Final = 5  # one after another, before it is tried later
MAX_BATCHES: Final = 100  # of one connection in one go: all that a reader can have saved


async def sync_due(
    database: Database, http: httpx.AsyncClient, signer: Signer, *, clock: Callable[[], datetime] = utc_now
) -> int:
    """Do what is due for all connections. Returns how many it worked on."""
    count = 0
    while (connection := await _claim(database, now=clock())) is not None:
        await _sync(database, http, signer, connection, clock)
        count += 1
    return count


async def _claim(database: Database, *, now: datetime) -> ZoteroConnection | None:
    """Claim the connection that has been due longest and has something to do."""
    unsent = exists().where(SavedPaper.reader_id == ZoteroConnection.reader_id, *select_unsent_conditions())
    is_read_again = (ZoteroConnection.collection_due_at <= now) & ZoteroConnection.topic_id.is_not(None)
    query = (
        select(ZoteroConnection)
        .where(ZoteroConnection.next_try_at <= now, or_(unsent, is_read_again))
        .order_by(ZoteroConnection.next_try_at, ZoteroConnection.reader_id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    async with database.write_session() as session:
        connection = await session.scalar(query)
        if connection is not None:
            connection.next_try_at = now + LEASE
        return connection


async def _sync(
    database: Database,
    http: httpx.AsyncClient,
    signer: Signer,
    connection: ZoteroConnection,
    clock: Callable[[], datetime],
) -> None:
    """Work on one connection, and note when it may go on."""
    try:
        client = ZoteroClient(http, signer.decrypt(PURPOSE, connection.encrypted_key))
        wait = await _put_saved_papers(database, client, connection)
        if not wait and connection.topic_id and (connection.collection_due_at or clock()) <= clock():
            await _read_collection(database, client, connection, clock)
            wait = client.pause
    except BadToken:
        await _note_failure(database, connection, FORGOTTEN_KEY, None)
    except ZoteroRefused as error:
        await _note_failure(database, connection, str(error), None)
    except ZoteroError as error:
        delay = min(FIRST_RETRY_DELAY * 2**connection.failures, MAX_RETRY_DELAY)
        asked = error.wait if isinstance(error, ZoteroBusy) else None
        await _note_failure(database, connection, str(error), clock() + max(delay, asked or delay))
    else:
        async with database.write_session() as session:
            kept = await session.get(ZoteroConnection, connection.reader_id)
            if kept is not None and kept.connected_at == connection.connected_at:
                kept.failures, kept.error, kept.next_try_at = 0, None, clock() + (wait or timedelta())


async def _note_failure(
    database: Database, connection: ZoteroConnection, reason: str, next_try_at: datetime | None
) -> None:
    """Note why it failed. Without a next try it rests until its reader connects again."""
    logger.warning("Zotero", reader=connection.reader_id, reason=reason, next_try=str(next_try_at))
    async with database.write_session() as session:
        kept = await session.get(ZoteroConnection, connection.reader_id)
        if kept is not None and kept.connected_at == connection.connected_at:
            kept.failures, kept.error, kept.next_try_at = kept.failures + 1, reason, next_try_at


async def _put_saved_papers(
    database: Database, client: ZoteroClient, connection: ZoteroConnection
) -> timedelta | None:
    """Put all saved papers into the library, 50 at a time. Returns the pause that Zotero asks for, if any."""
    conflicts = 0
    for _batch in range(MAX_BATCHES):
        async with database.read_session() as session:
            papers = await _load_unsent(session, connection.reader_id)
        if not papers:
            return client.pause
        keys = {build_item_key(connection.library, paper.id): paper for paper in papers}
        present = await client.find_present(connection.library, list(keys))
        await _note_items(database, connection, dict.fromkeys(keys[key].id for key in present.keys))
        items = [build_item(paper, key) for key, paper in keys.items() if key not in present.keys]
        if items and not client.pause:
            try:
                outcome = await client.create_items(connection.library, items, present.version)
            except ZoteroConflict:
                conflicts += 1
                if conflicts >= MAX_CONFLICTS:
                    raise
                continue
            conflicts = 0
            done: dict[str, str | None] = dict.fromkeys(keys[key].id for key in outcome.stored)
            done |= {keys[key].id: reason for key, reason in outcome.refused.items()}
            await _note_items(database, connection, done)
            if not done:
                raise ZoteroError(_("Zotero did not say what became of the items."))
        if client.pause:
            return client.pause
    return FIRST_RETRY_DELAY


async def _load_unsent(session: ReadSession, reader_id: int) -> Sequence[PaperRow]:
    query = (
        select(SavedPaper.paper_id)
        .where(SavedPaper.reader_id == reader_id, *select_unsent_conditions())
        .order_by(SavedPaper.saved_at, SavedPaper.paper_id)
        .limit(MAX_ITEMS)
    )
    ids = (await session.scalars(query)).all()
    papers = await load_papers(session, ids)
    return [papers[paper_id] for paper_id in ids if paper_id in papers]


async def _note_items(database: Database, connection: ZoteroConnection, items: dict[str, str | None]) -> None:
    """Note which papers are in the library: None, or why Zotero refused it."""
    rows = [
        {"reader_id": connection.reader_id, "paper_id": paper_id, "error": error}
        for paper_id, error in items.items()
    ]
    if not rows:
        return
    async with database.write_session() as session:
        of_reader = select(ZoteroConnection).where(ZoteroConnection.reader_id == connection.reader_id)
        kept = await session.scalar(of_reader.with_for_update(key_share=True))
        if kept is not None and kept.library == connection.library:
            await session.execute(insert(ZoteroItem).values(rows).on_conflict_do_nothing())


async def _read_collection(
    database: Database, client: ZoteroClient, connection: ZoteroConnection, clock: Callable[[], datetime]
) -> None:
    """Have the topic learn from the collection, if it has changed since it was read last."""
    read = await client.read_collection(
        connection.library, connection.collection or "", since=connection.collection_version
    )
    if read is not None:
        entries, version = read
        await _teach_topic(database, connection, entries, now=clock())
    async with database.write_session() as session:
        kept = await session.get(ZoteroConnection, connection.reader_id)
        if kept is None or kept.collection != connection.collection:
            return
        kept.collection_due_at = clock() + COLLECTION_INTERVAL
        if read is not None:
            kept.collection_version = version


async def _teach_topic(
    database: Database, connection: ZoteroConnection, entries: Sequence[Any], *, now: datetime
) -> None:
    """Add a collection's entries to the topic's examples. Those that the reader chose stay."""
    try:
        references = await asyncio.to_thread(parse_bibliography, json.dumps(entries).encode())
    except BibliographyInvalid:
        return  # an empty collection teaches nothing
    async with database.write_session() as session:
        try:
            topic = await reader_topics.get_topic(session, connection.reader_id, connection.topic_id or 0)
        except TopicNotFound:
            return
        resolved = await seeds.resolve_references(session, references)
        draft = reader_topics.draft_of(topic)
        examples = tuple(dict.fromkeys([*draft.examples, *resolved.paper_ids]))[:MAX_EXAMPLES]
        library = LibraryDraft(len(references), len(resolved.paper_ids), draft_entries(resolved.unfound))
        try:
            changed = replace(draft, examples=examples, library=library)
            await reader_topics.change_topic(session, topic, changed, now=now)
        except TopicInvalid as error:
            logger.warning("a collection teaches nothing", reader=connection.reader_id, reason=str(error))
