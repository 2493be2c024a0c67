"""Measures every request: its duration by route template, and a span of a trace where those are on."""

from __future__ import annotations

import time
from typing import Final

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from paperround import metrics, traces
from paperround.web.security.request_ids import find_trace_parent

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
STATIC: Final = "/static"
NO_ROUTE: Final = "none"  # nothing is at that address, or the request was refused before that was looked at


def find_route(scope: Scope) -> str:
    """Return the template of the route that answered. Paths hold tokens and are as many as papers."""
    if scope["path"].startswith(f"{STATIC}/"):
        return STATIC
    return str(getattr(scope.get("route"), "path", NO_ROUTE))


class Instrumentation:
    """A middleware that measures. What a client makes up never becomes a label."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status, started = "none", time.perf_counter()  # none: the client was gone before an answer began

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        method = scope["method"] if scope["method"] in METHODS else "other"
        with traces.span(method, "server", parent=find_trace_parent(Request(scope))) as span:
            try:
                await self.app(scope, receive, noting)
            finally:
                route = find_route(scope)
                metrics.HTTP_DURATION.labels(method, route, status).observe(time.perf_counter() - started)
                if span is not None:
                    span.update_name(f"{method} {route}")
                    span.set_attributes(
                        {"http.request.method": method, "http.route": route, "http.response.status": status}
                    )
