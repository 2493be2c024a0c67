"""Limits how many confirmation letters may be requested, on pages and through the API together."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from fastapi import Request

from paperround import rate_limits
from paperround.rate_limits import RateLimit
from paperround.tokens import hash_token
from paperround.web.dependencies import TooMany, database_of
from paperround.web.security.client_ip import find_source_network

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
MAX_REQUESTS_OF_NETWORK: Final = 30  # an hour
MAX_LETTERS_TO_ADDRESS: Final = 3  # a day
MAX_REQUESTS: Final = 2000  # an hour, of all networks together


async def may_send_letter(request: Request, email: str, now: datetime) -> bool:
    """Count the request, and tell whether a letter may go to that address now.

    The answer to the request must not depend on it, since that would tell who is known. Raises `TooMany`.
    """
    database = database_of(request)
    limits = (
        RateLimit(f"subscriptions of {find_source_network(request)}", MAX_REQUESTS_OF_NETWORK, HOUR),
        RateLimit("subscriptions", MAX_REQUESTS, HOUR),
    )
    for limit in limits:
        if not await rate_limits.is_allowed(database, limit, now=now):
            raise TooMany("Too many addresses were given. Try again in an hour.", wait=HOUR)
    letters = RateLimit(f"letters to {hash_token(email)}", MAX_LETTERS_TO_ADDRESS, DAY)
    return await rate_limits.is_allowed(database, letters, now=now)
