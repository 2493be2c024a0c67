"""Limits how many confirmation letters may be requested, on pages and through the API together."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from fastapi import Request

from paperround import rate_limits
from paperround.database import Database
from paperround.i18n.messages import gettext as _
from paperround.rate_limits import RateLimit
from paperround.text.mailbox import identify_mailbox
from paperround.tokens import hash_token
from paperround.web.dependencies import TooMany, database_of
from paperround.web.security.network_limits import build_network_limits

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
MAX_REQUESTS_OF_NETWORK: Final = 30  # an hour; wider networks get more
MAX_LETTERS_TO_ADDRESS: Final = 3  # a day, whatever tags and dots it is written with
MAX_REQUESTS: Final = 2000  # an hour, of all networks together


async def may_send_letter(request: Request, email: str, now: datetime) -> bool:
    """Count the request, and tell whether a letter may go to that address now.

    The answer to the request must not depend on it, since that would tell who is known. Raises `TooMany`.
    """
    database, mailbox = database_of(request), hash_token(identify_mailbox(email))
    for limit in build_network_limits(request, "subscriptions", MAX_REQUESTS_OF_NETWORK, HOUR):
        await _require(database, limit, now)
    letters = RateLimit(f"letters to {mailbox}", MAX_LETTERS_TO_ADDRESS, DAY)
    if not await rate_limits.is_allowed(database, letters, now=now):
        return False
    await _require(database, RateLimit("subscriptions", MAX_REQUESTS, HOUR), now)
    return True


async def _require(database: Database, limit: RateLimit, now: datetime) -> None:
    if not await rate_limits.is_allowed(database, limit, now=now):
        raise TooMany(_("Too many addresses were entered. Try again in an hour."), wait=HOUR)
