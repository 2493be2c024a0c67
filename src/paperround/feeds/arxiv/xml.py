"""arXiv's XML, as its bytes came → the entries in it, as plain JSON. Atom and RSS, announcements, queries."""

from __future__ import annotations

from calendar import timegm
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import feedparser

from paperround.feeds.http import FeedUnreadable

EASTERN: Final = ZoneInfo("America/New_York")  # where arXiv's day begins


@dataclass(frozen=True)
class Announcements:
    """A category's announcements of one day; both may be all there is on a day without any."""

    day: date
    entries: Sequence[dict[str, Any]]


@dataclass(frozen=True)
class Page:
    """Part of a query's answer: `total` is how many the whole has."""

    total: int
    entries: Sequence[dict[str, Any]]


def announcements(body: bytes, kind: str) -> Announcements:
    """Raises `FeedUnreadable`."""
    feed, entries = _parsed(body, kind)
    days = {_eastern_day(entry) for entry in entries} - {None}
    day = max((d for d in days if d), default=None) or _eastern_day(feed)
    if day is None:
        raise FeedUnreadable("the feed doesn't say of which day it is")
    return Announcements(day, [_plain(entry) for entry in entries])


def page(body: bytes, kind: str) -> Page:
    """Raises `FeedUnreadable`, also for arXiv's way of telling an error: an entry of that title."""
    feed, entries = _parsed(body, kind)
    if entries and "/api/errors" in str(entries[0].get("id")):
        raise FeedUnreadable(f"arXiv says: {str(entries[0].get('summary'))[:200]}")
    total = str(feed.get("opensearch_totalresults", ""))
    if not (total.isdecimal() and len(total) < 10):
        raise FeedUnreadable("the answer isn't one of the query API")
    return Page(int(total), [_plain(entry) for entry in entries])


def _parsed(body: bytes, kind: str) -> tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]]:
    """feedparser goes on past broken XML, with whatever it makes of it: for us the answer is unreadable.

    It is given bytes, for it would open a string that looks like an address, and leaves texts as they are:
    what looks like HTML in an abstract isn't.
    """
    if b"<!doctype" in body[:4096].lower():  # no feed of arXiv's has one, web pages and entity bombs do
        raise FeedUnreadable(f"the answer is not a feed ({kind}, {len(body)} bytes)")
    try:
        found = feedparser.parse(body, sanitize_html=False, resolve_relative_uris=False)
    except Exception as error:  # its fallback parser raises what it likes
        raise FeedUnreadable(f"the answer can't be parsed: {type(error).__name__}") from error
    if not found.get("version") or found.get("bozo"):
        raise FeedUnreadable(f"the answer is not a whole feed ({kind}, {len(body)} bytes)")
    return found.feed, found.entries


def _eastern_day(dated: Mapping[str, Any]) -> date | None:
    """The calendar day on which it is dated, where arXiv is."""
    parsed = dated.get("published_parsed") or dated.get("updated_parsed")
    try:
        return datetime.fromtimestamp(timegm(parsed), UTC).astimezone(EASTERN).date() if parsed else None
    except (ValueError, OverflowError, OSError):
        return None


def _plain(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What the entry says, without what feedparser has added to it."""
    return {
        key: value
        for key, value in entry.items()
        if not key.endswith(("_parsed", "_detail")) and key not in ("guidislink", "link")
    }
