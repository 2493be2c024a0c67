"""Rate limits of the network that a request comes from, and of the wider networks that it is part of."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from fastapi import Request

from paperround.rate_limits import RateLimit
from paperround.web.security.client_ip import find_source_networks

# How many times the limit of the narrowest network the next wider ones have. Many people share a wide one,
# but one party may have it all; even the widest can't use up what everybody shares.
IPV4_FACTORS: Final = (1, 4)
IPV6_FACTORS: Final = (1, 2, 4)


def build_network_limits(
    request: Request, what: str, max_attempts: int, window: timedelta
) -> Sequence[RateLimit]:
    """Build the limits of a request, the narrowest network first.

    Check them one after the other, so that what a narrow network has too much is not counted for a wide one.
    """
    networks = find_source_networks(request)
    factors = IPV4_FACTORS if len(networks) == len(IPV4_FACTORS) else IPV6_FACTORS
    return [
        RateLimit(f"{what} of {network}", factor * max_attempts, window)
        for network, factor in zip(networks, factors, strict=False)
    ]
