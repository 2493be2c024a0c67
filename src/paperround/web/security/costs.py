"""Limits how often one network may ask for what is costly: searches, matches and previews.

These are counted in the process, not in PostgreSQL like sign-in links: a count there is a transaction with a
write, as dear as many a search, and a flood would pay for each request that is refused. So each web process
has its own counts. What the limit is to spare is that process's own time, and its share of the database.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final, cast

from cachetools import TTLCache
from fastapi import Request

from paperround.web.dependencies import TooMany, settings_of
from paperround.web.security.client_ip import find_source_network

WINDOW: Final = timedelta(minutes=1)
COSTLY: Final = "is_costly"  # set in a request's state
MAX_NETWORKS: Final = 10_000  # that are counted at once


class CostlyRequests:
    """Counts of a minute by network. The minute begins with a network's first request."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._counts: TTLCache[str, list[int]] = TTLCache(MAX_NETWORKS, WINDOW.total_seconds(), clock)

    def count(self, network: str) -> int:
        """Count a request and return how many there were within the minute."""
        counter: list[int] = self._counts.setdefault(network, [0])
        counter[0] += 1
        return counter[0]


async def count_costly_request(request: Request) -> None:
    """Count a search, a match or a preview for the network that it comes from. Raises `TooMany`."""
    setattr(request.state, COSTLY, True)
    most = settings_of(request).search_rate
    counts = cast(CostlyRequests, request.app.state.costly_requests)
    if most and counts.count(find_source_network(request)) > most:
        raise TooMany(f"At most {most} searches and matches a minute come from one network.", wait=WINDOW)
