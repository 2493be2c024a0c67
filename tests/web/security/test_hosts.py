"""An operator whose links lead readers to their own machine is told so once."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from starlette.requests import Request
from structlog.testing import capture_logs

from paperround.settings import Settings
from paperround.web.security.hosts import HostGuard

PUBLIC = "https://papers.example.org"
PROXY = "10.0.0.1"


async def warnings_of(peer: str, headers: dict[str, str], **settings: Any) -> list[str]:
    """What is logged for two requests alike."""

    hosts = "papers.example.org, 8.8.8.8, 192.168.1.2"
    known = Settings(_env_file=None, trusted_proxies=PROXY, allowed_hosts=hosts, **settings)
    app = SimpleNamespace(state=SimpleNamespace(settings=known))
    lines = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "path": "/", "headers": lines, "client": (peer, 1), "app": app, "method": "GET"}
    guard = HostGuard()
    with capture_logs() as logs:
        for _ in range(2):
            await guard.refuse(Request(scope))
    return [str(entry.get("advice")) for entry in logs if entry["log_level"] == "warning"]


@pytest.mark.parametrize(
    ("peer", "headers"),
    [
        (PROXY, {"host": "127.0.0.1:8000", "x-forwarded-for": "198.51.100.7"}),
        (PROXY, {"host": "localhost", "forwarded": 'for="[2001:db8::7]:4711"'}),
        ("127.0.0.1", {"host": "papers.example.org"}),
        ("192.0.2.9", {"host": "8.8.8.8:8000"}),
    ],
)
async def test_a_request_from_outside_tells_once_that_links_lead_nowhere(
    peer: str, headers: dict[str, str]
) -> None:
    for settings in ({}, {"public_url": "http://localhost:8000"}, {"host": "0.0.0.0"}):
        (advice,) = await warnings_of(peer, headers, **settings)
        assert "PAPERROUND_PUBLIC_URL" in advice
    assert await warnings_of(peer, headers, public_url=PUBLIC) == []


@pytest.mark.parametrize(
    ("peer", "headers"),
    [
        ("127.0.0.1", {"host": "localhost:8000"}),
        ("192.0.2.9", {"host": "127.0.0.1", "x-forwarded-for": "198.51.100.7"}),
        (PROXY, {"host": "127.0.0.1", "x-forwarded-for": "127.0.0.1"}),
        ("192.168.1.5", {"host": "192.168.1.2:8000"}),
    ],
)
async def test_requests_of_this_machine_and_claims_of_strangers_tell_nothing(
    peer: str, headers: dict[str, str]
) -> None:
    assert await warnings_of(peer, headers) == []
