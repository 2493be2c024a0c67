"""Limits how often one network may ask for what is costly: searches, matches and previews.

These are counted in memory, not in PostgreSQL like sign-in links: a count there is a transaction with a
write, as dear as many a search, and a flood would pay for each request that is refused. The web processes of
one machine share the counts, since what the limit is to spare is that machine's time, and its share of the
database.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final, cast

from fastapi import Request

from paperround.shared_counts import SharedCounts
from paperround.web.dependencies import TooMany, settings_of
from paperround.web.security.client_ip import find_source_network

WINDOW: Final = timedelta(minutes=1)
COSTLY: Final = "is_costly"  # set in a request's state


class CostlyRequests:
    """Counts of the present minute by network. All processes of a machine have the same minutes."""

    def __init__(self, counts: SharedCounts, clock: Callable[[], float] = time.monotonic) -> None:
        self._counts, self._clock = counts, clock

    def count(self, network: str) -> int:
        """Count a request and return how many there were within the minute."""
        minute = 1 + int(self._clock() // WINDOW.total_seconds())
        if self._counts.period != minute:
            self._counts.begin(minute)
        self._counts.add(network)
        return self._counts.total(network)


async def count_costly_request(request: Request) -> None:
    """Count a search, a match or a preview for the network that it comes from. Raises `TooMany`."""
    setattr(request.state, COSTLY, True)
    most = settings_of(request).search_rate
    counts = cast(CostlyRequests, request.app.state.costly_requests)
    if most and counts.count(find_source_network(request)) > most:
        raise TooMany(f"At most {most} searches and matches a minute come from one network.", wait=WINDOW)
