"""What pages can do, by programs with a key: reading list, votes, submissions, digests, history, limits."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import httpx
import pytest

from paperround.accounts import api_keys
from paperround.accounts.tables import Scope
from paperround.database import Database
from paperround.digests import subscriptions
from paperround.topics import corpus, edition_matches

from support.api import assert_problem, bearer_header
from support.factories import add_reader, utc
from support.pages import TODAY, opened
from support.subscriptions import subscribed
from support.topic_corpus import add_three_subjects, paper_id

ADA, CYN = "ada@example.org", "cyn@example.org"
DAY = "2026-03-10"


async def key_of(database: Database, email: str, scope: Scope = Scope.write) -> dict[str, str]:
    who = await add_reader(database, email)
    async with database.write_session() as session:
        key = await api_keys.create_key(session, who.id, name="Test", scope=scope, now=utc(TODAY))
    return bearer_header(key)


@pytest.fixture
async def api(database_url: str, database: Database) -> AsyncIterator[httpx.AsyncClient]:
    await add_three_subjects(database, day=DAY)
    async with opened(database_url) as client:
        client.headers.update(await key_of(database, ADA))
        yield client


async def test_papers_are_saved_with_notes_listed_exported_and_taken_off(
    api: httpx.AsyncClient, database: Database
) -> None:
    for n in range(1, 6):
        kept = await api.put(f"/api/v1/saved/{paper_id(n)}v3", json={"note": f"Note {n}", "read": n == 2})
        assert kept.status_code == 200, kept.text
    again = await api.put(f"/api/v1/saved/{paper_id(1)}", json={"read": True})
    assert (again.json()["note"], again.json()["read_at"] is None) == ("Note 1", False)
    seen, cursor = [], ""
    while cursor is not None:
        part = (
            await api.get("/api/v1/saved", params={"limit": 2, **({"cursor": cursor} if cursor else {})})
        ).json()
        seen += [row["paper"]["id"] for row in part["papers"]]
        cursor = part["next"]
    assert sorted(seen) == [paper_id(n) for n in range(1, 6)]
    assert (part["total"], part["unread"]) == (5, 3)
    unread = (await api.get("/api/v1/saved", params={"unread": True})).json()["papers"]
    assert {row["paper"]["id"] for row in unread} == {paper_id(n) for n in (3, 4, 5)}

    exported = await api.get("/saved.bib")
    assert exported.text.count("@misc{") == 5
    assert exported.headers["Cache-Control"] == "no-store"
    assert (await api.get("/saved.ris")).text.count("TY  - ") == 5
    assert len((await api.get("/saved.json")).json()) == 5
    assert_problem(await api.put(f"/api/v1/saved/{paper_id(1)}", json={"note": "x" * 2001}), 400)
    assert_problem(await api.put("/api/v1/saved/2510.99999", json={}), 404)
    for _ in range(2):
        assert (await api.delete(f"/api/v1/saved/{paper_id(1)}")).status_code == 204
    assert_problem(await api.get(f"/api/v1/saved/{paper_id(1)}"), 404, "not on your reading list")

    cyn = await key_of(database, CYN, Scope.read)
    assert (await api.get("/api/v1/saved", headers=cyn)).json()["papers"] == []
    assert_problem(await api.put(f"/api/v1/saved/{paper_id(2)}", json={}, headers=cyn), 403, "may only read")
    assert (await api.get("/saved.bib", headers=cyn)).text == ""
    assert (await api.get("/saved.bib", headers={"Authorization": "Bearer pr_wrong"})).status_code in (
        303,
        401,
    )


async def test_a_vote_counts_once_and_is_taken_back(api: httpx.AsyncClient, database: Database) -> None:
    address = f"/api/v1/papers/{paper_id(1)}/upvote"
    before = (await api.get(f"/api/v1/papers/{paper_id(1)}")).json()["upvotes"]
    for _ in range(2):
        assert (await api.put(address)).json() == {
            "paper": paper_id(1), "upvoted": True, "upvotes": before + 1,
        }  # fmt: skip
    assert (await api.get(f"/api/v1/papers/{paper_id(1)}")).json()["local_upvotes"] == 1
    for _ in range(2):
        assert (await api.delete(address)).json()["upvotes"] == before
    assert_problem(await api.put(address, headers=await key_of(database, CYN, Scope.read)), 403)
    assert_problem(await api.put("/api/v1/papers/2510.99999/upvote"), 404)


async def test_papers_are_submitted(api: httpx.AsyncClient, database: Database) -> None:
    sent = await api.post("/api/v1/submissions", json={"paper": "https://arxiv.org/abs/2603.54321v1"})
    assert (sent.status_code, sent.json()["state"]) == (202, "waiting")
    assert [one["paper"] for one in (await api.get("/api/v1/submissions")).json()["submissions"]] == [
        "2603.54321"
    ]
    assert_problem(await api.post("/api/v1/submissions", json={"paper": "nonsense"}), 400, "nonsense")
    assert_problem(await api.post("/api/v1/submissions", json={"paper": paper_id(1)}), 400)
    cyn = await key_of(database, CYN)
    assert (await api.get("/api/v1/submissions", headers=cyn)).json()["submissions"] == []


async def test_a_reader_changes_and_pauses_their_digests(api: httpx.AsyncClient, database: Database) -> None:
    address = "/api/v1/me/subscription"
    assert_problem(await api.get(address), 404, "no digests by mail")
    await subscribed(database, "ada", now=TODAY)
    told = (await api.get(address)).json()
    assert told["state"] == "active"
    changed = (await api.patch(address, json={"cadence": "weekly", "weekday": 2, "max_papers": 7})).json()
    assert changed == told | {
        "cadence": "weekly", "weekday": 2, "max_papers": 7, "next_due_at": changed["next_due_at"],
    }  # fmt: skip
    paused = (await api.patch(address, json={"paused": True, "until": "2026-04-01"})).json()
    assert (paused["state"], paused["next_due_at"][:7]) == ("paused", "2026-04")
    assert (await api.patch(address, json={"paused": False})).json()["state"] == "active"
    for wish in ({"until": "2026-04-01"}, {"time_zone": "Mars/Olympus"}, {"hour": 24}, {"wrong": 1}):
        assert 400 <= (await api.patch(address, json=wish)).status_code < 500, wish
    async with database.read_session() as session:
        assert (await subscriptions.find_running(session, ADA)).hour == told["hour"]


async def test_a_topic_tells_what_it_matched_day_by_day(api: httpx.AsyncClient, database: Database) -> None:
    await corpus.measure_if_grown(database, now=utc(TODAY))
    wish = {"words": "honey bees", "min_band": "possible"}
    made = (await api.post("/api/v1/topics", json=wish)).json()
    address = f"/api/v1/topics/{made['id']}/history"
    assert (await api.get(address)).json()["days"] == []
    await edition_matches.match_latest(database, None)
    told = (await api.get(address)).json()
    assert [one["day"] for one in told["days"]] == [DAY]
    now = (await api.get(f"/api/v1/topics/{made['id']}/papers", params={"from": DAY, "to": DAY})).json()
    assert [one["paper"]["id"] for one in told["days"][0]["papers"]] == [
        one["paper"]["id"] for one in now["papers"]
    ]
    assert_problem(await api.get(address, params={"from": "2026-01-01", "to": "2026-03-01"}), 400, "31 days")
    assert_problem(await api.get(address, headers=await key_of(database, CYN)), 404)


async def test_a_key_is_told_its_limit_and_each_has_its_own(database_url: str, database: Database) -> None:
    first, second = await key_of(database, ADA), await key_of(database, ADA)
    async with opened(database_url, key_rate=3) as api:
        answers = [await api.get("/api/v1/me", headers=first) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        for left, answer in zip((2, 1, 0, 0), answers, strict=True):
            assert answer.headers["RateLimit-Policy"] == '"key";q=3;w=60'
            told = re.fullmatch(r'"key";r=(\d+);t=(\d+)', answer.headers["RateLimit"])
            assert told is not None
            assert int(told[1]) == left
            assert 1 <= int(told[2]) <= 60
        assert 1 <= int(answers[3].headers["Retry-After"]) <= 60
        assert (await api.get("/api/v1/me", headers=second)).status_code == 200
        assert "RateLimit" not in (await api.get("/api/v1/papers")).headers
        assert "RateLimit" not in (await api.get("/api/v1/me", headers=bearer_header("pr_wrong"))).headers
