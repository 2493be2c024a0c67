"""Every operation works as its example on /docs says."""

from __future__ import annotations

import shlex
from html import unescape
from typing import Any

import httpx
from sqlalchemy import text

from paperround.accounts import api_keys
from paperround.accounts.tables import Scope
from paperround.database import Database
from paperround.follows import reader_follows
from paperround.follows.tables import FollowKind
from paperround.library import reading_list
from paperround.topics import reader_topics
from paperround.topics.drafts import TopicDraft

from support.api import bearer_header
from support.citation_records import complete_feed_record
from support.factories import add_reader, store_listing, utc
from support.pages import Page, opened
from support.subscriptions import subscribed

NOW = "2025-10-29 12:00"
ORDER = ("GET", "PUT", "POST", "PATCH", "DELETE")


async def store_examples(database: Database) -> dict[str, str]:
    """Store what the examples name. Returns the header of a key."""
    organization = {"name": "tide-lab", "fullname": "Tide Lab"}
    record = complete_feed_record("2510.12345", paper__organization=organization)
    await store_listing(database, "2025-10-29", record)
    ada = await add_reader(database, "ada@example.org")
    await subscribed(database, "ada", now=NOW)
    async with database.write_session() as session:
        for table in ("topics", "follows"):
            await session.execute(text(f"ALTER TABLE {table} ALTER COLUMN id RESTART WITH 12"))
        draft = TopicDraft(words="gradients")
        await reader_topics.create_topic(session, ada.id, draft, now=utc(NOW))
        await reader_follows.add_follow(session, ada.id, FollowKind.author, "Cyn", now=utc(NOW))
        await reading_list.save_paper(session, ada.id, "2510.12345", now=utc(NOW))
        key = await api_keys.create_key(session, ada.id, name="Test", scope=Scope.write, now=utc(NOW))
        return bearer_header(key)


def read_commands(page: str) -> list[tuple[str, str, dict[str, str], str]]:
    """The curl commands of the page: method, address, headers and body."""
    found = []
    for block in page.split("<pre")[1:]:
        words = shlex.split(unescape(block.partition("<code>")[2].partition("</code>")[0]))
        assert words[0] == "curl"
        options: dict[str, list[str]] = {"-X": ["GET"], "-H": [], "-d": [""]}
        for option, value in zip(words[1:-1:2], words[2:-1:2], strict=True):
            options[option] = [*options[option], value]
        headers = dict(line.split(": ", 1) for line in options["-H"])
        method = "POST" if options["-X"] == ["GET"] and options["-d"] != [""] else options["-X"][-1]
        found.append((method, words[-1], headers, options["-d"][-1]))
    return found


async def test_every_example_of_the_documentation_works(database_url: str, database: Database) -> None:
    key = await store_examples(database)
    async with opened(database_url, now=NOW, mcp=True) as web:
        answer = await web.get("/docs")
        assert "curl" in Page(answer).text
        commands = read_commands(answer.text)
        assert len(commands) > 60
        failed: list[Any] = []
        for method, address, headers, body in sorted(commands, key=lambda one: ORDER.index(one[0])):
            if "/feeds/topics/" in address:  # opened by a secret key in its address
                continue
            if "Authorization" in headers:
                assert headers["Authorization"] == "Bearer $KEY"
                headers |= key
            path = httpx.URL(address).raw_path.decode()
            told = await web.request(method, path, headers=headers, content=body.encode() or None)
            if not told.is_success:
                failed.append((method, path, body, told.status_code, told.text[:200]))
        assert failed == []
        assert (await web.get("/api/v1/saved", headers=key)).json()["total"] == 0
