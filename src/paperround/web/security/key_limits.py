"""Limits how often one key may ask, and tells its holder in `RateLimit` headers.

The headers are those of the IETF's draft-ietf-httpapi-ratelimit-headers. Counts are those of a machine's
minute, like the ones of costly requests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from fastapi import Request
from starlette.datastructures import MutableHeaders

from paperround.errors import PaperroundError
from paperround.i18n.formats import format_number
from paperround.i18n.messages import gettext as _
from paperround.i18n.messages import mark_message
from paperround.settings import Settings

if TYPE_CHECKING:
    from paperround.web.security.costs import CostlyRequests

TOLD: Final = "rate_limit"  # set in the state of a request: headers by name
WINDOW_SECONDS: Final = 60


class KeyLimitReached(PaperroundError):
    """One key has asked as often as it may within the minute."""

    title = mark_message("Too many requests")
    status = 429

    def __init__(self, most: int, seconds: int) -> None:
        super().__init__(
            _("This key may ask %(most)s times a minute.", most=format_number(most)),
            advice=_("Wait %(seconds)s seconds.", seconds=seconds),
        )
        self.headers = {"Retry-After": str(seconds)}


def count_key_request(request: Request, key_id: int) -> None:
    """Count a request with a key. Raises `KeyLimitReached`."""
    most = cast(Settings, request.app.state.settings).key_rate
    if not most:
        return
    counts = cast("CostlyRequests", request.app.state.costly_requests)
    count, seconds = counts.count_in_window(f"key {key_id}")
    told = {
        "RateLimit-Policy": f'"key";q={most};w={WINDOW_SECONDS}',
        "RateLimit": f'"key";r={max(most - count, 0)};t={seconds}',
    }
    setattr(request.state, TOLD, told)
    if count > most:
        raise KeyLimitReached(most, seconds)


def add_headers(state: dict[str, object], headers: MutableHeaders) -> None:
    """Add what a request's key was told to the answer."""
    told = state.get(TOLD)
    if isinstance(told, dict):
        headers.update(told)
