"""Each request has an id of its own; a proxy's is taken, a visitor's never."""

from __future__ import annotations

import re

import pytest
from httpx import Headers
from sqlalchemy import text

from paperround.database import Database

from support.pages import opened

OWN = re.compile(r"[0-9a-f]{32}")
PROXY = {"trusted_proxies": "127.0.0.0/8"}  # what the tests' client seems to come from


async def test_each_request_gets_an_id_of_its_own(database_url: str) -> None:
    async with opened(database_url) as client:
        ids = [
            (await client.get(path)).headers["X-Request-ID"]
            for path in (
                "/about",
                "/about",
                "/none",
                "/api/v1/papers?limit=x",
                "/static/style.css",
                "/about/",
            )
        ]
        refused = await client.get("/about", headers={"Host": "evil.example"})
    assert all(map(OWN.fullmatch, [*ids, refused.headers["X-Request-ID"]]))
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("told", ["7f3a-41", "Root=1-67891233-abcdef012345678912345678", "A" * 64])
async def test_the_id_of_a_trusted_proxy_is_taken(database_url: str, told: str) -> None:
    async with opened(database_url, **PROXY) as client:
        answer = await client.get("/about", headers={"X-Request-ID": told})
    assert answer.headers.get_list("X-Request-ID") == [told]


async def test_a_visitor_cannot_choose_the_id(database_url: str) -> None:
    async with opened(database_url) as client:
        answer = await client.get("/about", headers={"X-Request-ID": "mine", "X-Forwarded-For": "127.0.0.1"})
    assert OWN.fullmatch(answer.headers["X-Request-ID"])


@pytest.mark.parametrize("told", ["", "A" * 65, "a b", "a\tb", "é", 'a","level":"', "a;b", "a\x7fb"])
async def test_a_proxy_that_passes_on_anything_is_not_followed(database_url: str, told: str) -> None:
    async with opened(database_url, **PROXY) as client:
        answer = await client.get("/about", headers=[(b"X-Request-ID", told.encode())])
    assert OWN.fullmatch(answer.headers["X-Request-ID"])


async def test_two_ids_are_none(database_url: str) -> None:
    async with opened(database_url, **PROXY) as client:
        told = Headers([("X-Request-ID", "one"), ("X-Request-ID", "two")])
        answer = await client.get("/about", headers=told)
    assert OWN.fullmatch(answer.headers["X-Request-ID"])


async def test_the_jobs_of_a_request_know_its_id(database: Database, database_url: str) -> None:
    async with opened(database_url) as client:
        answer = await client.post("/sign-in", data={"email": "ada@example.org"})
    async with database.read_session() as session:
        origins = await session.execute(text("SELECT request_id, trace_parent FROM jobs.job_origins"))
    assert [tuple(row) for row in origins] == [(answer.headers["X-Request-ID"], None)]


async def test_each_time_a_kept_answer_is_given_it_has_another_id(database_url: str) -> None:
    async with opened(database_url) as client:
        answers = [await client.get("/about") for _ in range(20)]
        known = [await client.head("/about", headers={"If-None-Match": answers[0].headers["ETag"]})]
    ids = [answer.headers.get_list("X-Request-ID") for answer in answers + known]
    assert all(len(told) == 1 and OWN.fullmatch(told[0]) for told in ids)
    assert len({told[0] for told in ids}) == len(ids)


async def test_a_kept_answer_has_the_id_that_its_request_came_with_by_a_trusted_proxy(
    database_url: str,
) -> None:
    for settings, is_taken in ((PROXY, True), ({}, False)):
        async with opened(database_url, **settings) as client:
            await client.get("/about")
            for told in ("first", "second", "first"):
                answer = await client.get("/about", headers={"X-Request-ID": told})
                assert (answer.headers["X-Request-ID"] == told) is is_taken
            for malformed in ("<script>", "x" * 65, ""):
                answer = await client.get("/about", headers={"X-Request-ID": malformed})
                assert OWN.fullmatch(answer.headers["X-Request-ID"])
