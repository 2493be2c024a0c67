"""Parses arXiv's XML into entries of plain JSON: Atom and RSS, announcements and query answers."""

from __future__ import annotations

from calendar import timegm
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import feedparser

from paperround.feeds.broken_record import (
    BrokenRecord,
    DocumentBroken,
    find_xml_fault,
    split_xml,
    strip_front,
)
from paperround.feeds.http import FeedUnreadable

Entry = dict[str, Any] | BrokenRecord
EASTERN: Final = ZoneInfo("America/New_York")  # where arXiv's day begins


@dataclass(frozen=True)
class Announcements:
    """A category's announcements of one day. There may be no entries, and some may be broken."""

    day: date
    entries: Sequence[Entry]


@dataclass(frozen=True)
class QueryPage:
    """A page of a query's answer. `total` is the number of entries on all pages."""

    total: int
    entries: Sequence[Entry]


def parse_announcements(body: bytes, kind: str) -> Announcements:
    """Parse a feed of announcements. Raises `FeedUnreadable`."""
    feed, entries, broken = _parse_xml(body, kind)
    days = Counter(day for entry in entries if (day := _eastern_day(entry)))
    # Of most entries: one with a wrong date is not of another day.
    day = max(days, key=lambda day: (days[day], day), default=None) or _eastern_day(feed)
    if day is None:
        raise FeedUnreadable("the feed doesn't say of which day it is")
    return Announcements(day, [*map(_to_plain_json, entries), *broken])


def parse_query_page(body: bytes, kind: str) -> QueryPage:
    """Parse a page of a query's answer.

    Raises `FeedUnreadable`, also if arXiv reports an error in an entry.
    """
    feed, entries, broken = _parse_xml(body, kind)
    if entries and "/api/errors" in str(entries[0].get("id")):
        raise FeedUnreadable(f"arXiv says: {str(entries[0].get('summary'))[:200]}")
    total = str(feed.get("opensearch_totalresults", ""))
    if not (total.isdecimal() and len(total) < 10):
        raise FeedUnreadable("the answer isn't one of the query API")
    return QueryPage(int(total), [*map(_to_plain_json, entries), *broken])


def _parse_xml(
    body: bytes, kind: str
) -> tuple[Mapping[str, Any], Sequence[Mapping[str, Any]], Sequence[BrokenRecord]]:
    """Parse a feed into itself, its entries, and those that are not well-formed.

    Raises `FeedUnreadable` for XML that is broken elsewhere, which feedparser would repair by guessing.
    """
    if (
        b"<!doctype" in body[:4096].lower()
    ):  # arXiv's feeds have no doctype, unlike web pages and entity bombs
        raise FeedUnreadable(f"the answer is not a feed ({kind}, {len(body)} bytes)")
    document, broken = strip_front(body), list[BrokenRecord]()
    if find_xml_fault(document) is not None:
        try:
            document, broken = split_xml(document)
        except DocumentBroken as error:
            raise FeedUnreadable(f"the answer is not a complete feed ({kind}, {len(body)} bytes)") from error
    try:
        # Bytes, since it would fetch a string that looks like a URL. It must not sanitize texts: what looks
        # like HTML in an abstract is not HTML.
        parsed_feed = feedparser.parse(document, sanitize_html=False, resolve_relative_uris=False)
    except Exception as error:  # its fallback parser may raise any exception
        raise FeedUnreadable(f"the answer can't be parsed: {type(error).__name__}") from error
    if not parsed_feed.get("version") or parsed_feed.get("bozo"):
        raise FeedUnreadable(f"the answer is not a complete feed ({kind}, {len(body)} bytes)")
    return parsed_feed.feed, parsed_feed.entries, broken


def _eastern_day(element: Mapping[str, Any]) -> date | None:
    """The day on which a feed or an entry was published, in arXiv's time zone."""
    time_tuple = element.get("published_parsed") or element.get("updated_parsed")
    try:
        return (
            datetime.fromtimestamp(timegm(time_tuple), UTC).astimezone(EASTERN).date() if time_tuple else None
        )
    except (ValueError, OverflowError, OSError):
        return None


def _to_plain_json(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Reduce an entry to its own fields, without those that feedparser added."""
    return {
        key: value
        for key, value in entry.items()
        if not key.endswith(("_parsed", "_detail")) and key not in ("guidislink", "link")
    }
