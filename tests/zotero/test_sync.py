"""Saved papers in a reader's Zotero library, each once, and a collection that teaches a topic."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import httpx
import pytest

from paperround.accounts.tables import Reader
from paperround.database import Database
from paperround.library import reading_list
from paperround.settings import Settings
from paperround.tokens import Signer, load_signer
from paperround.topics import reader_topics
from paperround.topics.drafts import TopicDraft
from paperround.zotero import connections
from paperround.zotero.client import open_http
from paperround.zotero.items import build_item, build_item_key
from paperround.zotero.sync import sync_due
from paperround.zotero.tables import ZoteroConnection

from support.citation_records import cited_paper
from support.factories import add_reader, feed_record, store_listing, utc
from support.zotero_server import KEY, ZoteroServer, running_zotero_server

NOW = utc("2026-03-10 12:00")


@dataclass
class Desk:
    """A connected reader, the server, and a clock."""

    database: Database
    http: httpx.AsyncClient
    signer: Signer
    server: ZoteroServer
    reader: Reader
    now: datetime = NOW
    saved: list[str] = field(default_factory=list)

    async def save(self, numbers: range) -> None:
        await store_listing(self.database, "2026-03-09", *(feed_record(f"2603.{n:05}") for n in numbers))
        async with self.database.write_session() as session:
            for n in numbers:
                await reading_list.save_paper(session, self.reader.id, f"2603.{n:05}", now=self.now)
        self.saved += [f"2603.{n:05}" for n in numbers]

    async def sync(self, *, later: timedelta = timedelta()) -> int:
        """Do what is due, `later` than before."""
        self.now += later
        return await sync_due(self.database, self.http, self.signer, clock=lambda: self.now)

    async def connection(self) -> ZoteroConnection:
        async with self.database.read_session() as session:
            return await session.get_one(ZoteroConnection, self.reader.id)


@pytest.fixture
async def desk(database: Database) -> AsyncIterator[Desk]:
    server = ZoteroServer()
    with running_zotero_server(server) as address:
        settings = Settings(_env_file=None, zotero_url=address)
        async with open_http(settings) as http:
            reader, signer = (
                await add_reader(database, "ada@example.org"),
                await load_signer(database, settings),
            )
            made = await connections.verify_key(http, KEY)
            async with database.write_session() as session:
                await connections.connect(session, reader.id, made, signer, now=NOW)
            server.requests.clear()
            yield Desk(database, http, signer, server, reader)


async def test_saved_papers_are_put_there_at_most_50_a_write_and_once(desk: Desk) -> None:
    assert await desk.sync() == 0
    assert desk.server.requests == [], "nothing to do asks nobody"
    await desk.save(range(1, 121))
    await store_listing(desk.database, "2026-03-09", feed_record("0000.00001"), feed="sample")
    async with desk.database.write_session() as session:
        await reading_list.save_paper(session, desk.reader.id, "0000.00001", now=NOW)
    await desk.sync()
    assert desk.server.writes == [50, 50, 20]
    assert desk.server.papers() == desk.saved
    asked = len(desk.server.requests)
    assert await desk.sync(later=timedelta(days=2)) == 0
    assert len(desk.server.requests) == asked
    await desk.save(range(200, 202))
    await desk.sync()
    assert desk.server.papers() == sorted(desk.saved)


async def test_conflicts_lost_answers_and_pauses_end_with_each_paper_once(desk: Desk) -> None:
    await desk.save(range(1, 121))
    desk.server.changes_before_writes = 3
    desk.server.lose_answers = 1
    await desk.sync()
    assert (await desk.connection()).error is not None
    assert await desk.sync() == 0, "it waits before it tries again"
    desk.server.next_answers = [(429, {"Retry-After": "1200"})]
    await desk.sync(later=timedelta(minutes=2))
    for minutes, calls in ((19, 0), (2, 1)):
        assert await desk.sync(later=timedelta(minutes=minutes)) == calls
    desk.server.backoff = 300
    await desk.save(range(300, 380))
    assert await desk.sync() == 1
    asked = len(desk.server.requests)
    assert await desk.sync(later=timedelta(seconds=290)) == 0
    assert len(desk.server.requests) == asked
    desk.server.next_answers = [(503, {}), (200, {})]
    for _ in range(4):
        await desk.sync(later=timedelta(hours=1))
    assert desk.server.papers() == sorted(desk.saved)
    assert max(desk.server.writes) <= 50
    connection = await desk.connection()
    assert (connection.error, connection.failures) == (None, 0)


async def test_a_library_that_never_rests_is_tried_later_and_a_refused_paper_holds_up_no_other(
    desk: Desk,
) -> None:
    await desk.save(range(1, 61))
    desk.server.refused_titles = frozenset({"Patient Gradients, Part 2603.00003"})
    desk.server.changes_before_writes = 1_000
    await desk.sync()
    assert "changed" in ((await desk.connection()).error or "")
    desk.server.changes_before_writes = 0
    await desk.sync(later=timedelta(hours=1))
    assert desk.server.papers() == [paper for paper in desk.saved if paper != "2603.00003"]
    async with desk.database.read_session() as session:
        state = await connections.load_state(session, desk.reader.id)
    assert state is not None
    assert (state.stored, state.refused, state.waiting) == (59, 1, 0)


async def test_a_key_that_is_taken_back_stops_until_its_reader_connects_again(desk: Desk) -> None:
    await desk.save(range(1, 3))
    desk.server.key = "another1another1another1"
    await desk.sync()
    connection = await desk.connection()
    assert connection.next_try_at is None
    assert "does not accept the key" in (connection.error or "")
    assert KEY.encode() not in connection.encrypted_key
    assert await desk.sync(later=timedelta(days=9)) == 0
    made = await connections.verify_key(desk.http, desk.server.key)
    async with desk.database.write_session() as session:
        await connections.connect(session, desk.reader.id, made, desk.signer, now=desk.now)
    await desk.sync()
    assert desk.server.papers() == desk.saved


async def test_a_forgotten_signing_key_is_told(desk: Desk) -> None:
    await desk.save(range(1, 2))
    desk.signer = Signer(["x" * 40])
    await desk.sync()
    assert "Connect again" in ((await desk.connection()).error or "")


async def test_a_collection_teaches_a_topic_and_is_read_again_daily_by_version(desk: Desk) -> None:
    await store_listing(desk.database, "2026-03-09", *(feed_record(f"2603.{n:05}") for n in range(1, 4)))
    desk.server.collection = [
        {"type": "article", "title": "Known", "URL": "https://arxiv.org/abs/2603.00001"},
        *({"type": "book", "title": f"Bees, part {n}", "abstract": "We watch bees."} for n in range(120)),
    ]
    async with desk.database.write_session() as session:
        draft = TopicDraft(words="honey bees", examples=("2603.00003",))
        topic = await reader_topics.create_topic(session, desk.reader.id, draft, now=NOW)
        connection = await session.get_one(ZoteroConnection, desk.reader.id)
        await connections.follow_collection(session, connection, "ABCD2345", topic, now=NOW)

    async def learned() -> tuple[tuple[str, ...], int]:
        async with desk.database.read_session() as session:
            found = await reader_topics.get_topic(session, desk.reader.id, topic.id)
            return reader_topics.draft_of(found).examples, (found.library_report or {}).get("entries", 0)

    await desk.sync()
    assert await learned() == (("2603.00003", "2603.00001"), 121)
    assert desk.server.requests.count("GET /users/7/collections/ABCD2345/items/top") == 2
    assert await desk.sync(later=timedelta(hours=23)) == 0
    await desk.sync(later=timedelta(hours=2))
    assert desk.server.requests.count("GET /users/7/collections/ABCD2345/items/top") == 3, "unchanged"
    desk.server.collection.insert(0, {"type": "article", "title": "New", "note": "arXiv:2603.00002"})
    desk.server.version = desk.server.collection_version = 11
    await desk.sync(later=timedelta(days=1, minutes=1))
    assert await learned() == (("2603.00003", "2603.00001", "2603.00002"), 122)


def test_an_item_has_the_fields_of_a_preprint_and_a_key_of_its_own() -> None:
    key = build_item_key("users/7", "2603.00001")
    assert key == build_item_key("users/7", "2603.00001") != build_item_key("users/8", "2603.00001")
    item = build_item(cited_paper("Ada van der Lindqvist Jr.", "The Rivers Team"), key)
    assert (item["itemType"], item["version"], item["archiveID"]) == ("preprint", 0, "arXiv:2603.00001")
    assert item["creators"] == [
        {"creatorType": "author", "firstName": "Ada, Jr.", "lastName": "van der Lindqvist"},
        {"creatorType": "author", "name": "The Rivers Team"},
    ]
