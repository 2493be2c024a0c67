"""Answers with a list of papers as an Atom feed (RFC 4287) or a JSON Feed (1.1), with validators for caches.

This module knows no list: the routes decide on the papers, the title and the address.
"""

from __future__ import annotations

import enum
import hashlib
from datetime import UTC
from email.utils import format_datetime
from typing import Any, Final

from fastapi import Request
from starlette.responses import JSONResponse, Response

from paperround import __version__
from paperround.text.plain import to_plain_text
from paperround.web.negotiation import is_known
from paperround.web.syndication import atom
from paperround.web.syndication.document import FeedDocument, NotedEntry

CACHE_CONTROL: Final = "max-age=300"  # what asks more often than that is answered by whoever keeps copies


class FeedFormat(enum.StrEnum):
    """A format, by the ending of its address."""

    atom = "atom"
    json = "json"


MEDIA_TYPES: Final = {FeedFormat.atom: atom.MEDIA_TYPE, FeedFormat.json: "application/feed+json"}


def build_response(
    request: Request, feed: FeedDocument, form: FeedFormat, *, private: bool = False
) -> Response:
    """Build the response: the feed, or 304 for a client that has it. `private` means for one reader only."""
    headers = {
        "ETag": _mark(feed, form),
        "Last-Modified": format_datetime(feed.updated.astimezone(UTC).replace(microsecond=0), usegmt=True),
        "Cache-Control": f"{'private' if private else 'public'}, {CACHE_CONTROL}",
    }
    if is_known(
        headers["ETag"],
        feed.updated,
        if_none_match=request.headers.get("If-None-Match"),
        if_modified_since=request.headers.get("If-Modified-Since"),
    ):
        return Response(status_code=304, headers=headers)
    media_type = f"{MEDIA_TYPES[form]}; charset=utf-8"
    if form is FeedFormat.json:
        return JSONResponse(json_feed(feed), headers=headers, media_type=media_type)
    return Response(atom.write_atom(feed), headers=headers, media_type=media_type)


def _mark(feed: FeedDocument, form: FeedFormat) -> str:
    """Build the ETag. It is weak, because the response may be compressed on its way."""
    told = [
        (
            paper.id,
            paper.text_hash,
            paper.summary,
            paper.reader_version,
            str(paper.listed_on),
            str(paper.revised_at),
            paper.withdrawn,
            feed.notes.get(paper.id),
        )
        for paper in feed.papers
    ]
    content = repr((__version__, form, feed.title, feed.address, feed.site, told))
    return f'W/"{hashlib.sha256(content.encode()).hexdigest()[:32]}"'


def json_feed(feed: FeedDocument) -> dict[str, Any]:
    return {
        "version": "https://jsonfeed.org/version/1.1",
        "title": to_plain_text(feed.title),
        "home_page_url": feed.page,
        "feed_url": feed.address,
        "favicon": f"{feed.base}/static/favicon.svg",
        "authors": [{"name": to_plain_text(feed.site)}],
        "language": "en",
        "items": [_json_item(feed.base, noted) for noted in feed.entries()],
    }


def _json_item(base: str, noted: NotedEntry) -> dict[str, Any]:
    entry = noted.entry
    item: dict[str, Any] = {
        "id": base + entry.path,
        "url": base + entry.path,
        "title": entry.title,
        "summary": "\n\n".join(filter(None, [noted.note, entry.lead])),
        "content_text": entry.abstract,
        "date_published": entry.published.isoformat(),
        "date_modified": entry.changed.isoformat(),
        "authors": [{"name": name} for name in entry.authors],
        "tags": entry.tags,
    }
    return {name: value for name, value in item.items() if value or name == "content_text"}
