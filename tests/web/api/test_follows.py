"""What is followed, by programs with a key."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from paperround.accounts import api_keys
from paperround.accounts.tables import Scope
from paperround.database import Database

from support.factories import add_reader, feed_record, store_listing, utc
from support.pages import TODAY, opened

FOLLOWS = "/api/v1/follows"


async def key_of(database: Database, email: str, scope: Scope = Scope.write) -> dict[str, str]:
    who = await add_reader(database, email)
    async with database.write_session() as session:
        key = await api_keys.create_key(session, who.id, name="Test", scope=scope, now=utc(TODAY))
    return {"Authorization": f"Bearer {key}"}


def told(answer: httpx.Response, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_follows_are_shown_added_and_removed(database: Database, database_url: str) -> None:
    await store_listing(
        database, "2026-03-02", feed_record("2603.00001"), feed_record("2603.00002", paper__authors=[])
    )
    await store_listing(database, "2026-03-09", feed_record("2603.00003"))
    ada, cyn = await key_of(database, "ada@example.org"), await key_of(database, "cyn@example.org")
    async with opened(database_url) as api:
        wish = {"kind": "author", "name": "Ada Lindqvist"}
        made = await api.post(FOLLOWS, json=wish, headers=ada)
        follow = told(made, 201)
        assert made.headers["Location"] == f"{FOLLOWS}/{follow['id']}"
        assert follow["url"].endswith("/authors/Ada%20Lindqvist")
        assert told(await api.post(FOLLOWS, json=wish, headers=ada), 201)["id"] == follow["id"]
        assert told(await api.get(FOLLOWS, headers=ada)) == {"follows": [follow]}
        assert told(await api.get(FOLLOWS, headers=cyn)) == {"follows": []}

        week = told(await api.get(f"{FOLLOWS}/papers", headers=ada))
        assert [(one["paper"]["id"], one["follows"]) for one in week["papers"]] == [
            ("2603.00003", [follow["id"]])
        ]
        assert (week["first"], week["last"]) == ("2026-03-03", "2026-03-09")
        longer = told(await api.get(f"{FOLLOWS}/papers?from=2026-03-01", headers=ada))
        assert [one["paper"]["id"] for one in longer["papers"]] == ["2603.00001", "2603.00003"]
        assert told(await api.get(f"{FOLLOWS}/papers", headers=cyn))["papers"] == []

        assert (await api.delete(f"{FOLLOWS}/{follow['id']}", headers=cyn)).status_code == 404
        assert (await api.delete(f"{FOLLOWS}/{follow['id']}", headers=ada)).status_code == 204
        assert told(await api.get(FOLLOWS, headers=ada)) == {"follows": []}


async def test_what_can_not_be_followed_is_refused_in_words(
    subtests: pytest.Subtests,
    database: Database,
    database_url: str,
) -> None:
    cases: list[dict[str, Any]] = [
        {}, {"kind": "author"}, {"kind": "author", "name": " . "}, {"kind": "author", "name": "x" * 301},
        {"kind": "paper", "name": "x"}, {"kind": "organization", "name": "nobody"},
        {"kind": "keyword", "name": 1}, {"kind": "keyword", "name": "a\0b"},
        {"kind": "keyword", "name": "rivers", "more": 1},
    ]  # fmt: skip
    for body in cases:
        with subtests.test(body=body):
            ada = await key_of(database, "ada@example.org")
            async with opened(database_url) as api:
                answer = await api.post(FOLLOWS, json=body, headers=ada)
                assert answer.status_code in (400, 422)
                assert answer.headers["Content-Type"].startswith("application/problem+json")
                assert told(await api.get(FOLLOWS, headers=ada)) == {"follows": []}


async def test_a_key_that_may_read_changes_nothing(database: Database, database_url: str) -> None:
    reading = await key_of(database, "ada@example.org", Scope.read)
    async with opened(database_url) as api:
        wish = {"kind": "keyword", "name": "rivers"}
        assert (await api.post(FOLLOWS, json=wish, headers=reading)).status_code == 403
        assert (await api.delete(f"{FOLLOWS}/1", headers=reading)).status_code == 403
        assert (await api.get(FOLLOWS)).status_code == 401
        assert told(await api.get(FOLLOWS, headers=reading)) == {"follows": []}
