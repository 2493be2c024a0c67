"""Measures every request: its duration by route template, and a span of a trace where those are on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from fastapi import Request
from starlette.types import Scope

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


class Answered(Protocol):
    """An answer, which has a status once it begins."""

    status: int | None


@contextmanager
def measured(request: Request, method: str, answered: Answered) -> Iterator[None]:
    """Measure the block, which answers a request. What a client makes up never becomes a label."""
    started, method = time.perf_counter(), method if method in METHODS else "other"
    with traces.span(method, "server", parent=find_trace_parent(request)) as span:
        try:
            yield
        finally:
            status = str(answered.status or "none")  # none: the client was gone before an answer began
            route = find_route(request.scope)
            metrics.HTTP_DURATION.labels(method, route, status).observe(time.perf_counter() - started)
            if span is not None:
                span.update_name(f"{method} {route}")
                span.set_attributes(
                    {"http.request.method": method, "http.route": route, "http.response.status": status}
                )
