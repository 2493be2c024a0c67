"""Reads the dates of HTTP headers. A pure function."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def parse_http_date(text: str) -> datetime | None:
    """Parse a date such as `Sun, 06 Nov 1994 08:49:37 GMT` into UTC. Returns None for anything else.

    Python raises various errors for dates with years, zones and hours out of bounds.
    """
    try:
        moment = parsedate_to_datetime(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
