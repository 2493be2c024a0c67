"""API keys: made in the settings, shown once, and good for what they say."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select

from paperround import tokens
from paperround.accounts import api_keys
from paperround.accounts.tables import ApiKey, Scope
from paperround.database import Database
from paperround.web.dependencies import KeyWriter

from support.api import bearer_header, create_api_key
from support.factories import utc
from support.pages import TODAY, Page, opened
from support.people import ADA, CYN, Person, add_person

NOW = utc(TODAY)


async def test_a_key_is_shown_once_and_kept_as_a_hash(
    browser: httpx.AsyncClient, database: Database, ada: Person
) -> None:
    key = await create_api_key(browser, ada)
    async with database.read_session() as session:
        kept = (await session.scalars(select(ApiKey))).one()

    page = await browser.get("/settings")
    assert key not in page.text
    assert f"{key[:8]}…" in page.text
    assert kept.token_hash == tokens.hash_token(key)
    assert key not in str(vars(kept))


async def test_a_key_speaks_in_its_readers_name(
    browser: httpx.AsyncClient, database: Database, database_url: str, ada: Person
) -> None:
    key = await create_api_key(browser, ada)
    async with opened(database_url) as program:
        answer = await program.get("/api/v1/me", headers=bearer_header(key))

    assert answer.json() == {"email": ADA, "name": "", "time_zone": "UTC", "scope": "read"}


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Bearer pr_",
        "Basic pr_x",
        "bearer pr_ü",
        "Bearer pr_" + "x" * 9000,
    ],
)
async def test_without_a_good_key_there_is_a_problem_that_says_how(
    browser: httpx.AsyncClient, database: Database, ada: Person, header: str
) -> None:
    """The browser's cookie is no key: another site's page could send it along."""
    answer = await browser.get("/api/v1/me", headers={b"Authorization": header.encode()} if header else {})

    assert answer.status_code == 401
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert "Authorization: Bearer pr_" in answer.json()["detail"]


async def test_nothing_but_the_key_itself_opens(
    browser: httpx.AsyncClient, database: Database, ada: Person
) -> None:
    key = await create_api_key(browser, ada)
    session_token = next(iter(ada.cookies.values()))
    for wrong in [key[:-1], key + "x", key.swapcase(), tokens.hash_token(key), session_token, ada.csrf]:
        assert (await browser.get("/api/v1/me", headers=bearer_header(wrong))).status_code == 401
    browser.cookies.set("paperround", key, domain="127.0.0.1")
    assert (await browser.get("/settings", headers=bearer_header(key))).status_code == 303, (
        "nor does it sign in"
    )


async def test_a_key_that_may_read_may_not_write(database: Database, database_url: str) -> None:
    ada = await add_person(database, now=NOW)
    async with database.write_session() as session:
        read = await api_keys.create_key(session, ada.id, name="a", scope=Scope.read, now=NOW)
        write = await api_keys.create_key(session, ada.id, name="b", scope=Scope.write, now=NOW)
    async with opened(database_url) as program:
        application: FastAPI = program._transport.app  # type: ignore[attr-defined]

        @application.post("/api/v1/try")
        async def attempt(reader: KeyWriter) -> str:
            return reader.email

        refused = await program.post("/api/v1/try", headers=bearer_header(read))
        taken = await program.post("/api/v1/try", headers=bearer_header(write))
        looked = await program.get("/api/v1/me", headers=bearer_header(write))

    assert (refused.status_code, taken.json(), looked.status_code) == (403, ADA, 200)
    assert "may only read" in refused.json()["detail"]


async def test_a_key_taken_back_opens_nothing_and_only_its_own_reader_can(
    browser: httpx.AsyncClient, database: Database, ada: Person
) -> None:
    key = await create_api_key(browser, ada)
    cyn = await add_person(database, CYN, now=NOW)
    async with database.write_session() as session:
        (key_id,) = await session.scalars(select(ApiKey.id))
        await api_keys.revoke_key(session, cyn.id, key_id)
    assert (await browser.get("/api/v1/me", headers=bearer_header(key))).status_code == 200

    await browser.post(f"/settings/keys/{key_id}/delete", data=ada.form())

    assert (await browser.get("/api/v1/me", headers=bearer_header(key))).status_code == 401


async def test_the_use_of_a_key_is_noted_at_most_once_a_minute(database: Database) -> None:
    ada = await add_person(database, now=NOW)
    async with database.write_session() as session:
        key = await api_keys.create_key(session, ada.id, name="a", scope=Scope.read, now=NOW)
    for seconds, noted in [(0, 0), (59, 0), (60, 60), (100, 60)]:
        await api_keys.find_holder(database, key, now=NOW + timedelta(seconds=seconds))
        async with database.read_session() as session:
            used = (await session.scalars(select(ApiKey.used_at))).one()
        assert used == NOW + timedelta(seconds=noted)


async def test_a_key_needs_a_name_and_there_are_twenty_at_most(
    browser: httpx.AsyncClient, database: Database, ada: Person
) -> None:
    assert (await browser.post("/settings/keys", data=ada.form(name=" \t "))).status_code == 400
    assert (await browser.post("/settings/keys", data=ada.form(name="a", scope="root"))).status_code == 422
    for number in range(api_keys.MAX_KEYS):
        await create_api_key(browser, ada, name=f"key {number}")
    answer = await browser.post("/settings/keys", data=ada.form(name="one more"))

    assert answer.status_code == 409
    assert "You have 20 keys" in Page(answer).text


async def test_the_api_describes_its_keys(browser: httpx.AsyncClient) -> None:
    described = (await browser.get("/openapi.json")).json()

    assert described["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    assert described["paths"]["/api/v1/me"]["get"]["security"] == [{"key": []}]
    assert "security" not in described["paths"]["/api/v1/papers"]["get"]
    assert "Needs a key" in Page(await browser.get("/docs")).text
