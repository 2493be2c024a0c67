"""Gives each request an id: in every log line of it and of the jobs that it adds, and in the answer."""

from __future__ import annotations

import random
import re
import uuid
from binascii import hexlify
from typing import Final

from fastapi import Request

from paperround.web.dependencies import settings_of
from paperround.web.security.client_ip import is_trusted_proxy

HEADER: Final = "X-Request-ID"
PATTERN: Final = re.compile(
    r"[A-Za-z0-9._:/+=-]{1,64}", re.ASCII
)  # UUIDs, and what nginx, Envoy and AWS make


def choose_request_id(request: Request) -> str:
    """Return the id that a trusted proxy gave, if it is one id and well formed, or else a new one."""
    told = request.headers.getlist(HEADER)
    if len(told) == 1 and PATTERN.fullmatch(told[0]) and comes_from_proxy(request):
        return told[0]
    return uuid.uuid4().hex


def make_request_id() -> bytes:
    """Make the id of a request that no route is asked for."""
    return hexlify(random.getrandbits(128).to_bytes(16))


def find_trace_parent(request: Request) -> str | None:
    """Return the `traceparent` that a trusted proxy gave. OpenTelemetry ignores a malformed one."""
    return request.headers.get("traceparent") if comes_from_proxy(request) else None


def comes_from_proxy(request: Request) -> bool:
    return is_trusted_proxy(request.client.host if request.client else "", settings_of(request))
