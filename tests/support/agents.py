"""An agent: the SDK's own client, over HTTP or as the parent of `paperround mcp`."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client


@asynccontextmanager
async def connected(site: str, key: str = "", *, mode: str = "auto") -> AsyncIterator[Client]:
    """A client of the site's /mcp. `mode` is `legacy` for the handshake of older clients."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60) as http,
        Client(streamable_http_client(f"{site}/mcp", http_client=http), mode=mode) as client,
    ):
        yield client


@asynccontextmanager
async def spawned(command: list[str], environment: dict[str, str]) -> AsyncIterator[Client]:
    """A client that starts `command` and speaks with it over its standard streams."""
    server = StdioServerParameters(command=command[0], args=command[1:], env=environment)
    async with Client(stdio_client(server)) as client:
        yield client


async def call(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    """Call a tool and return its structured answer, which the text of the answer repeats."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    answer: dict[str, Any] = result.structured_content
    assert json.loads(read_text(result.content)) == answer
    return answer


async def refused(client: Client, tool: str, **arguments: Any) -> str:
    """Call a tool that can't do what it is asked for; what it says."""
    result = await client.call_tool(tool, arguments)
    assert result.is_error, result.structured_content
    return read_text(result.content)


def read_text(parts: Any) -> str:
    """The text of an answer, which has one part."""
    (part,) = parts
    text: str = part.text
    return text


def message(method: str, **params: Any) -> dict[str, Any]:
    """A message as a client without the SDK posts it."""
    return {"jsonrpc": "2.0", "id": 7, "method": method, "params": params}


POSTED = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
