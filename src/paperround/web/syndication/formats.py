"""Writes a list of papers as an Atom feed (RFC 4287) or a JSON Feed (1.1), with validators for caches.

This module knows no list: the routes decide on the papers, the title and the address.
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Final

from fastapi import Request
from feedgen.entry import FeedEntry
from feedgen.feed import FeedGenerator
from starlette.responses import JSONResponse, Response

from paperround import __version__
from paperround.papers.heat import listing_time
from paperround.papers.lead import AI_SUMMARY_LABEL, read_lead
from paperround.papers.readings import read_abstract, read_title
from paperround.papers.rows import PaperRow
from paperround.settings import Settings
from paperround.text.markup import render_unicode
from paperround.text.plain import to_plain_text
from paperround.text.reading import FormulaBudget, Reading, page_budget
from paperround.web.negotiation import is_known

MAX_AUTHORS: Final = 50
CACHE_CONTROL: Final = "max-age=300"  # what asks more often than that is answered by whoever keeps copies


class FeedFormat(enum.StrEnum):
    """A format, by the ending of its address."""

    atom = "atom"
    json = "json"


MEDIA_TYPES: Final = {FeedFormat.atom: "application/atom+xml", FeedFormat.json: "application/feed+json"}


@dataclass(frozen=True)
class FeedDocument:
    """A feed.

    `address` is its own, `page` the one that people read; both are absolute and serve as stable ids.

    `base` is the site's address, and `site` its name, which is the author of entries without one. `notes` say
    of a paper, by its id, why it is here: in plain text, before its abstract.
    """

    title: str
    address: str
    page: str
    base: str
    site: str
    papers: Sequence[PaperRow]
    notes: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        settings: Settings,
        title: str,
        address: str,
        page: str,
        papers: Sequence[PaperRow],
        notes: Mapping[str, str] | None = None,
    ) -> FeedDocument:
        """Build a feed of this site. `address` and `page` are paths."""
        base, site = settings.address, settings.site_name
        return cls(f"{site}: {title}", f"{base}{address}", f"{base}{page}", base, site, papers, notes or {})

    @property
    def updated(self) -> datetime:
        """When a reading last changed one of the papers."""
        return max((paper.seen_at for paper in self.papers), default=datetime.fromtimestamp(0, UTC))


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
    return Response(atom_feed(feed), headers=headers, media_type=media_type)


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


def atom_feed(feed: FeedDocument) -> bytes:
    document = FeedGenerator()
    document.id(feed.address)
    document.title(to_plain_text(feed.title))
    document.link(href=feed.address, rel="self", type=MEDIA_TYPES[FeedFormat.atom])
    document.link(href=feed.page, rel="alternate", type="text/html")
    document.author(name=to_plain_text(feed.site))
    document.updated(feed.updated)
    document.icon(f"{feed.base}/static/favicon.svg")
    document.generator("Paperround", version=__version__)
    budget = page_budget()
    for paper in feed.papers:
        entry = _atom_entry(paper, feed.base, feed.notes.get(paper.id, ""), budget)
        document.add_entry(entry, order="append")
    return bytes(document.atom_str())


def _atom_entry(paper: PaperRow, base: str, note: str, budget: FormulaBudget) -> FeedEntry:
    entry = FeedEntry()
    entry.id(_page(paper, base))
    entry.title(_title(paper, budget))
    entry.link(href=_page(paper, base), rel="alternate", type="text/html")
    for name in _names(paper):
        entry.author(name=name)
    for word in _tags(paper, budget):
        entry.category(term=word)
    abstract = read_abstract(paper, budget)
    entry.summary("\n\n".join(filter(None, [note, _lead(paper, abstract, budget), abstract.text])))
    entry.published(listing_time(paper.listed_on))
    entry.updated(_changed(paper))
    return entry


def json_feed(feed: FeedDocument) -> dict[str, Any]:
    budget = page_budget()
    return {
        "version": "https://jsonfeed.org/version/1.1",
        "title": to_plain_text(feed.title),
        "home_page_url": feed.page,
        "feed_url": feed.address,
        "favicon": f"{feed.base}/static/favicon.svg",
        "authors": [{"name": to_plain_text(feed.site)}],
        "language": "en",
        "items": [
            _json_item(paper, feed.base, feed.notes.get(paper.id, ""), budget) for paper in feed.papers
        ],
    }


def _json_item(paper: PaperRow, base: str, note: str, budget: FormulaBudget) -> dict[str, Any]:
    abstract = read_abstract(paper, budget)
    item: dict[str, Any] = {
        "id": _page(paper, base),
        "url": _page(paper, base),
        "title": _title(paper, budget),
        "summary": "\n\n".join(filter(None, [note, _lead(paper, abstract, budget)])),
        "content_text": abstract.text,
        "date_published": listing_time(paper.listed_on).isoformat(),
        "date_modified": _changed(paper).isoformat(),
        "authors": [{"name": name} for name in _names(paper)],
        "tags": _tags(paper, budget),
    }
    return {name: value for name, value in item.items() if value or name == "content_text"}


def _lead(paper: PaperRow, abstract: Reading, budget: FormulaBudget) -> str:
    """Say what was done, and who says it. Empty where the abstract begins with it."""
    lead = read_lead(paper, abstract, budget)
    if lead is None or lead.opens_abstract:
        return ""
    return f"{AI_SUMMARY_LABEL}: {lead.reading.text}" if lead.is_by_model else lead.reading.text


def _page(paper: PaperRow, base: str) -> str:
    return f"{base}/papers/{paper.id}"


def _title(paper: PaperRow, budget: FormulaBudget) -> str:
    mark = "[Withdrawn] " if paper.withdrawn else ""
    return mark + (read_title(paper, budget).text or paper.id)


def _names(paper: PaperRow) -> list[str]:
    return [name for name in map(to_plain_text, paper.author_names) if name][:MAX_AUTHORS]


def _tags(paper: PaperRow, budget: FormulaBudget) -> list[str]:
    words = [*(paper.categories or []), *(paper.ai_keywords or [])]
    return list(dict.fromkeys(filter(None, (to_plain_text(render_unicode(word, budget)) for word in words))))


def _changed(paper: PaperRow) -> datetime:
    """Return when the paper last changed: votes come every hour and do not count, a new version does."""
    listed = listing_time(paper.listed_on)
    return max(listed, paper.revised_at) if paper.revised_at else listed
