"""Who is let in to /mcp, and what whoever is not is told: keys, scopes, origins, hosts, methods, bodies."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from paperround.accounts import api_keys
from paperround.accounts.tables import Scope
from paperround.database import Database
from paperround.web.mcp.endpoint import TOOL_SCOPES

from support.agents import POSTED, call, message, refused, spawned
from support.factories import add_reader, feed_record, store_listing, utc
from support.pages import TODAY, opened

METADATA = "/.well-known/oauth-protected-resource/mcp"
LIST_DAILY = message("tools/call", name="list_daily", arguments={})


async def key_of(database: Database, scope: Scope) -> str:
    reader = await add_reader(database, "ada@example.org")
    async with database.write_session() as session:
        return await api_keys.create_key(session, reader.id, name="Agent", scope=scope, now=utc(TODAY))


async def post(web: httpx.AsyncClient, body: object, **headers: str) -> httpx.Response:
    """Post a message. Underscores in the names of headers are hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await web.post("/mcp", content=content, headers=POSTED | named)


async def test_it_is_off_until_it_is_set(database_url: str) -> None:
    async with opened(database_url) as web:
        for answer in (await post(web, LIST_DAILY), await web.get("/mcp"), await web.get(METADATA)):
            assert answer.status_code == 404
            assert "PAPERROUND_MCP=true" in answer.json()["detail"]


async def test_a_client_learns_what_to_ask_for_and_a_key_opens_what_its_scope_allows(
    database_url: str, database: Database
) -> None:
    reading, writing = await key_of(database, Scope.read), await key_of(database, Scope.write)
    async with opened(database_url, mcp=True, public_url="https://papers.example.org") as web:
        web.base_url = httpx.URL("https://papers.example.org")
        told = (await web.get(METADATA)).json()
        assert told["resource"] == "https://papers.example.org/mcp"
        assert told["scopes_supported"] == ["read", "write"]
        assert told["bearer_methods_supported"] == ["header"]
        where = f'resource_metadata="https://papers.example.org{METADATA}"'
        for tool, scope in TOOL_SCOPES.items():
            asked = message("tools/call", name=tool, arguments={})
            unknown = await post(web, asked)
            assert unknown.status_code == 401
            assert unknown.json()["id"] == 7
            assert "/settings" in unknown.json()["error"]["message"]
            assert where in unknown.headers["WWW-Authenticate"]
            assert ("write" in unknown.headers["WWW-Authenticate"]) == (scope is Scope.write)
            answer = await post(web, asked, Authorization=f"Bearer {reading}")
            assert answer.status_code == (403 if scope is Scope.write else 200), tool
            if scope is Scope.write:
                assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]
                assert 'scope="read write"' in answer.headers["WWW-Authenticate"]
            answer = await post(web, asked, Authorization=f"bearer {writing}")
            assert answer.status_code == 200, tool
            assert answer.headers["Cache-Control"] == "no-store"
        for wrong in ("Bearer pr_wrong", f"Basic {writing}", "Bearer", writing, ""):
            answer = await post(web, LIST_DAILY, Authorization=wrong)
            assert answer.status_code == 401, wrong
            assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


async def test_other_origins_hosts_methods_and_bodies_are_refused(database_url: str) -> None:
    async with opened(database_url, mcp=True) as web:
        assert (await post(web, LIST_DAILY)).status_code == 200
        assert (await post(web, LIST_DAILY, Origin="http://127.0.0.1")).status_code == 200
        for origin in (
            "https://evil.example",
            "null",
            "http://127.0.0.1.evil.example",
            "http://127.0.0.1:81",
        ):
            assert (await post(web, LIST_DAILY, Origin=origin)).status_code == 403, origin
            refused_get = await web.get("/mcp", headers={"Origin": origin})
            assert refused_get.status_code == 403
            assert refused_get.headers["Content-Type"] == "application/problem+json"
        assert (await post(web, LIST_DAILY, Sec_Fetch_Site="cross-site")).status_code == 403
        assert (await post(web, LIST_DAILY, Host="evil.example")).status_code == 421
        for method in ("GET", "DELETE", "PUT", "OPTIONS", "HEAD"):
            answer = await web.request(method, "/mcp", headers={"Accept": "text/event-stream"})
            assert (answer.status_code, answer.headers["Allow"]) == (405, "POST"), method
        for body, status in (
            (b"{", 400),
            (b"[]", 400),
            (json.dumps([LIST_DAILY]).encode(), 400),
            (b"[" * 100_000, 400),
            (b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call"}', 200),
            (json.dumps(LIST_DAILY).replace("list_daily", "a\\u0000").encode(), 400),
            (b"\xff", 400),
            (json.dumps(LIST_DAILY).encode("utf-16"), 415),
            (b" " * 1_000_001, 413),
            (json.dumps(message("resources/subscribe", uri="paperround://daily/2026-03-10")).encode(), 200),
        ):
            answer = await post(web, body)
            assert answer.status_code == status, (body[:60], answer.text)
            assert answer.headers["Content-Type"] != "text/event-stream"
            assert "error" in answer.json(), body[:60]


async def test_calls_count_like_searches_and_surrogates_are_no_bug(database_url: str) -> None:
    search = message("tools/call", name="search_papers", arguments={"query": "a\ud800b"})
    async with opened(database_url, mcp=True, search_rate=2) as web:
        assert (await post(web, search)).status_code == 400
        search["params"]["arguments"]["query"] = "bees"
        told = [(await post(web, search)).json()["result"] for _ in range(3)]
    assert [bool(one.get("isError")) for one in told] == [False, False, True]
    assert "At most 2 searches" in told[2]["content"][0]["text"]


@pytest.mark.slow
async def test_an_agent_on_this_machine_speaks_with_the_command(
    database_url: str, database: Database, tmp_path: Path
) -> None:
    await store_listing(database, "2026-03-02", feed_record("2603.00001"))
    keys = {scope: await key_of(database, scope) for scope in Scope}
    command = [sys.executable, "-m", "paperround", "mcp"]
    secret = tmp_path / "key"
    secret.write_text(keys[Scope.write])
    given = {"PAPERROUND_DATABASE_URL": database_url, "PAPERROUND_DATA_DIR": str(tmp_path)}
    async with spawned(command, given | {"PAPERROUND_MCP_KEY_FILE": str(secret)}) as agent:
        assert (await call(agent, "save_paper", id="2603.00001", note="Yes"))["note"] == "Yes"
        assert [one["paper"]["id"] for one in (await call(agent, "my_saved"))["papers"]] == ["2603.00001"]
        async with database.write_session() as session:
            await api_keys.revoke_all_keys(session, (await add_reader(database, "ada@example.org")).id)
        assert "needs an API key" in await refused(agent, "my_saved")
        assert (await call(agent, "list_daily"))["papers"]
    ended = subprocess.run(
        command, env=given | {"PAPERROUND_MCP_KEY": "pr_gone"}, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert "PAPERROUND_MCP_KEY is not valid" in ended.stderr
