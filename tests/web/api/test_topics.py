"""Topics by programs with a key: ada's may read or write, cyn's sees nothing of hers; matching without."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any

import httpx
import hypothesis
import pytest
import schemathesis
from hypothesis import given
from hypothesis import strategies as st
from schemathesis import checks

from paperround.accounts import api_keys
from paperround.accounts.tables import Scope
from paperround.database import Database
from paperround.settings import Settings
from paperround.topics import reader_topics
from paperround.topics.drafts import TopicDraft
from paperround.topics.edition_matches import match_latest
from paperround.web.api import topics as topics_api

from support.databases import filled_template, new_database
from support.factories import add_reader, utc
from support.pages import TODAY, opened
from support.sites import running_site
from support.topic_corpus import add_measured_subjects, add_three_subjects, paper_id

DAY = "2026-03-10"
BEES = {paper_id(n) for n in range(1, 61) if n % 3 == 1}


async def key_of(database: Database, email: str, scope: Scope = Scope.write) -> dict[str, str]:
    """The header of a new key."""
    who = await add_reader(database, email)
    async with database.write_session() as session:
        key = await api_keys.create_key(session, who.id, name="Test", scope=scope, now=utc(TODAY))
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture(scope="module")
def measured_template(server: str) -> Iterator[str]:
    with filled_template(server, partial(add_measured_subjects, day=DAY, now=utc(TODAY))) as name:
        yield name


@pytest.fixture
def database_url(server: str, measured_template: str) -> Iterator[str]:
    with new_database(server, measured_template) as url:
        yield url


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with opened(database_url) as client:
        yield client


@pytest.fixture
async def ada(api: httpx.AsyncClient, database: Database) -> dict[str, str]:
    return await key_of(database, "ada@example.org")


async def follow(api: httpx.AsyncClient, key: dict[str, str], **said: Any) -> dict[str, Any]:
    answer = await api.post("/api/v1/topics", json=said, headers=key)
    assert answer.status_code == 201, answer.text
    assert answer.headers["Location"] == f"/api/v1/topics/{answer.json()['id']}"
    return answer.json()


async def test_a_topic_is_followed_read_changed_and_deleted(
    api: httpx.AsyncClient, ada: dict[str, str]
) -> None:
    made = await follow(api, ada, words="honey bees", examples=[paper_id(1)], must_not=["queen"], daily=7)
    assert (made["name"], made["daily"], made["paused"]) == ("honey bees", 7, False)
    address = f"/api/v1/topics/{made['id']}"
    assert (await api.get(address, headers=ada)).json() == made
    assert (await api.get("/api/v1/topics", headers=ada)).json() == {"topics": [made]}
    changed = await api.patch(address, json={"name": "Bees", "paused": True}, headers=ada)
    assert changed.json() == made | {
        "name": "Bees",
        "paused": True,
        "changed_at": changed.json()["changed_at"],
    }
    assert (await api.delete(address, headers=ada)).status_code == 204
    assert (await api.get(address, headers=ada)).status_code == 404


async def test_asking_for_explanations_changes_nothing_of_what_it_matches(
    api: httpx.AsyncClient, database: Database, ada: dict[str, str]
) -> None:
    made = await follow(api, ada, words="honey bees", examples=[paper_id(1), paper_id(4)])
    await match_latest(database, None)
    address = f"/api/v1/topics/{made['id']}"
    history = (await api.get(f"{address}/history", headers=ada)).json()
    assert history["days"][0]["papers"]
    assert made["explain"] is False

    for explain in (True, False):
        changed = await api.patch(address, json={"explain": explain}, headers=ada)
        assert changed.json() == made | {"explain": explain}
        assert (await api.get(f"{address}/history", headers=ada)).json() == history


async def test_pausing_and_moving_change_nothing_of_what_it_matches(
    api: httpx.AsyncClient, ada: dict[str, str]
) -> None:
    first, second = [await follow(api, ada, words=words) for words in ("honey bees", "river deltas")]
    moved = await api.patch(f"/api/v1/topics/{second['id']}", json={"place": 0, "paused": True}, headers=ada)
    assert moved.json()["changed_at"] == second["changed_at"]
    listed = (await api.get("/api/v1/topics", headers=ada)).json()["topics"]
    assert [topic["id"] for topic in listed] == [second["id"], first["id"]]


async def test_its_papers_come_with_reasons_and_a_rating_counts_at_once(
    api: httpx.AsyncClient, ada: dict[str, str]
) -> None:
    made = await follow(api, ada, words="honey bees", daily=50)
    papers = f"/api/v1/topics/{made['id']}/papers"
    found = (await api.get(papers, headers=ada)).json()
    assert (found["first"], found["last"]) == ("2026-03-04", DAY)
    ids = [one["paper"]["id"] for one in found["papers"]]
    assert ids
    assert set(ids) <= BEES
    assert found["papers"][0]["reasons"][0] == {
        "kind": "phrase", "text": "honey bees", "weight": found["papers"][0]["reasons"][0]["weight"],
    }  # fmt: skip
    bands = [["strong", "good", "possible"].index(one["band"]) for one in found["papers"]]
    assert bands == sorted(bands)
    assert all(0.6 <= one["fit"] <= 1 for one in found["papers"])
    ratings = f"/api/v1/topics/{made['id']}/ratings"
    rated = await api.post(ratings, json={"paper": f"{ids[0]}v2", "value": -1}, headers=ada)
    assert [(one["paper"], one["value"]) for one in rated.json()["ratings"]] == [(ids[0], -1)]
    again = (await api.get(papers, headers=ada)).json()["papers"]
    assert ids[0] not in [one["paper"]["id"] for one in again]
    taken = await api.post(ratings, json={"paper": ids[0], "value": 0}, headers=ada)
    assert taken.json() == {"ratings": []}
    assert [one["paper"]["id"] for one in (await api.get(papers, headers=ada)).json()["papers"]] == ids


async def test_another_readers_topic_is_not_there(
    api: httpx.AsyncClient, database: Database, ada: dict[str, str]
) -> None:
    made = await follow(api, ada, words="honey bees")
    cyn = await key_of(database, "cyn@example.org")
    assert (await api.get("/api/v1/topics", headers=cyn)).json() == {"topics": []}
    address = f"/api/v1/topics/{made['id']}"
    for method, path, body in (
        ("GET", address, None), ("PATCH", address, {"name": "Mine"}), ("DELETE", address, None),
        ("GET", f"{address}/papers", None), ("GET", f"{address}/ratings", None),
        ("POST", f"{address}/ratings", {"paper": paper_id(1), "value": 1}),
    ):  # fmt: skip
        answer = await api.request(method, path, json=body, headers=cyn)
        assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json"), path
    assert (await api.get(address, headers=ada)).json() == made


async def test_a_key_that_may_read_changes_nothing_and_none_sees_nothing(
    api: httpx.AsyncClient, database: Database, ada: dict[str, str]
) -> None:
    made = await follow(api, ada, words="honey bees")
    reading = await key_of(database, "ada@example.org", Scope.read)
    address = f"/api/v1/topics/{made['id']}"
    assert (await api.get(address, headers=reading)).status_code == 200
    changes = [
        ("POST", "/api/v1/topics", {"words": "x"}), ("PATCH", address, {"name": "x"}),
        ("DELETE", address, None), ("POST", f"{address}/ratings", {"paper": paper_id(1), "value": 1}),
    ]  # fmt: skip
    for method, path, body in changes:
        assert (await api.request(method, path, json=body, headers=reading)).status_code == 403, path
    for method, path, body in [*changes, ("GET", "/api/v1/topics", None), ("GET", f"{address}/papers", None)]:
        assert (await api.request(method, path, json=body)).status_code == 401, path


async def test_what_is_no_topic_is_refused_in_words(
    subtests: pytest.Subtests,
    api: httpx.AsyncClient,
    ada: dict[str, str],
) -> None:
    cases: list[dict[str, Any] | list[Any] | str | None] = [
        {}, {"words": " "}, {"words": "x" * 1001}, {"words": "x", "daily": 0}, {"words": "x", "daily": 51},
        {"words": "x", "nonsense": 1}, {"words": 7}, {"examples": ["2603.99999"]}, {"examples": ["nonsense"]},
        {"examples": ["x" * 61]}, {"words": "x", "must": ["m"] * 21}, [], "x", None,
    ]  # fmt: skip
    for said in cases:
        with subtests.test(said=said):
            answer = await api.post("/api/v1/topics", json=said, headers=ada)
            assert answer.status_code in (400, 422), answer.text
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert answer.json()["detail"]


async def test_what_is_no_text_is_refused(
    subtests: pytest.Subtests,
    api: httpx.AsyncClient,
    ada: dict[str, str],
) -> None:
    cases: list[bytes] = [b"x\\ud800", b"\\u0000", b"\xff"]
    for text in cases:
        with subtests.test(text=text):
            headers = ada | {"Content-Type": "application/json"}
            answer = await api.post("/api/v1/topics", content=b'{"words": "' + text + b'"}', headers=headers)
            assert answer.status_code in (400, 422)


async def test_what_is_no_rating_is_refused(
    subtests: pytest.Subtests,
    api: httpx.AsyncClient,
    ada: dict[str, str],
) -> None:
    cases: list[dict[str, Any]] = [
        {"paper": "2603.99999", "value": 1},
        {"paper": paper_id(1), "value": 2},
        {"paper": paper_id(1)},
        {"paper": "nonsense", "value": 1},
    ]
    for rating in cases:
        with subtests.test(rating=rating):
            made = await follow(api, ada, words="honey bees")
            answer = await api.post(f"/api/v1/topics/{made['id']}/ratings", json=rating, headers=ada)
            assert answer.status_code in (400, 404, 422)


async def test_two_programs_at_once_make_one_topic_more_than_none(
    api: httpx.AsyncClient, ada: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_topics, "MAX_TOPICS", 2)
    said: dict[str, Any] = {"json": {"words": "honey bees"}, "headers": ada}
    answers = await asyncio.gather(*(api.post("/api/v1/topics", **said) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 201, 400, 400, 400]


# Matching without a topic


async def test_a_text_is_matched_without_a_key_and_nothing_is_kept(
    api: httpx.AsyncClient, database: Database, ada: dict[str, str]
) -> None:
    found = (await api.post("/api/v1/match", json={"text": "honey bees", "limit": 3})).json()
    assert len(found["papers"]) == 3
    assert {one["paper"]["id"] for one in found["papers"]} <= BEES
    assert (await api.get("/api/v1/topics", headers=ada)).json() == {"topics": []}


async def test_examples_are_matched_and_what_is_disliked_is_left_out(api: httpx.AsyncClient) -> None:
    asked = {"examples": [paper_id(1), f"https://arxiv.org/abs/{paper_id(4)}v1"], "less": [paper_id(7)]}
    found = (await api.post("/api/v1/match", json=asked | {"from": DAY, "to": DAY})).json()
    ids = {one["paper"]["id"] for one in found["papers"]}
    assert ids & BEES
    assert paper_id(7) not in ids


async def test_matching_is_bounded(
    subtests: pytest.Subtests,
    api: httpx.AsyncClient,
) -> None:
    cases: list[tuple[dict[str, Any], str | None]] = [
        ({}, "Say what to match"),
        ({"text": "  "}, "Say what to match"),
        ({"text": "x", "from": "2026-03-10", "to": "2026-03-09"}, "is after"),
        ({"text": "x", "from": "2026-01-01", "to": "2026-03-09"}, "31 days"),
        ({"text": "x", "from": "0001-01-01"}, "31 days"),
        ({"text": "x", "to": "0001-01-01"}, None),
        ({"text": "x", "from": "9999-12-31"}, "is after"),
        ({"text": "x", "limit": 101}, "limit"),
        ({"text": "x" * 1001}, "text"),
        ({"words": "x"}, "words"),
    ]
    for asked, told in cases:
        with subtests.test(asked=asked, told=told):
            answer = await api.post("/api/v1/match", json=asked)
            if told is None:
                assert answer.json()["papers"] == []
            else:
                assert answer.status_code in (400, 422)
                assert told in answer.json()["detail"]


async def test_matching_too_often_is_refused_for_a_minute(
    api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topics_api, "MATCHES_A_MINUTE", 2)
    statuses = [(await api.post("/api/v1/match", json={"text": "bees"})).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]


async def test_without_papers_nothing_matches(other_url: str) -> None:
    async with opened(other_url) as api:
        answer = await api.post("/api/v1/match", json={"text": "bees"})
    assert answer.json() == {
        "papers": [], "calibrated": True, "first": None, "last": None, "next": None,
    }  # fmt: skip


# The description, with a key that may write


@pytest.fixture(scope="module")
def described(server: str) -> Iterator[Any]:
    with new_database(server) as url:

        async def filled() -> dict[str, str]:
            async with Database(url) as database:
                await add_three_subjects(database, day=DAY, count=12)
                key = await key_of(database, "ada@example.org")
                who = await add_reader(database, "ada@example.org")
                async with database.write_session() as session:
                    await reader_topics.create_topic(
                        session, who.id, TopicDraft(words="honey bees"), now=utc(TODAY)
                    )
            return key

        key = asyncio.run(filled())
        with running_site(Settings(_env_file=None), url) as address:
            yield schemathesis.openapi.from_url(f"{address}/openapi.json"), key


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v1/match"), ("GET", "/api/v1/topics"), ("POST", "/api/v1/topics"),
        ("GET", "/api/v1/topics/{topic_id}"), ("PATCH", "/api/v1/topics/{topic_id}"),
        ("GET", "/api/v1/topics/{topic_id}/papers"), ("GET", "/api/v1/topics/{topic_id}/ratings"),
        ("POST", "/api/v1/topics/{topic_id}/ratings"), ("DELETE", "/api/v1/topics/{topic_id}"),
    ],
)  # fmt: skip
def test_answers_are_as_described_whatever_is_asked(described: Any, method: str, path: str) -> None:
    schema, key = described
    asked = [schema[path][method].as_strategy(generation_mode=mode) for mode in schemathesis.GenerationMode]

    @given(case=st.one_of(asked))
    @hypothesis.settings(max_examples=20)  # `make fuzz` tries more
    def check(case: schemathesis.Case[Any]) -> None:
        left_out = [checks.positive_data_acceptance, checks.ignored_auth]
        case.call_and_validate(excluded_checks=left_out, headers=key, timeout=60)

    check()
