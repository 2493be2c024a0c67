"""Parses an entry of arXiv's announcements or query answers into a `FeedPaper`. It uses no network.

A missing field is fine. A known field of a wrong type makes the record unreadable, as on the hub.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from paperround.feeds.broken_record import BrokenRecord
from paperround.papers import doi
from paperround.papers.arxiv_id import parse_version, strip_version
from paperround.papers.record import AnnouncementKind, FeedAuthor, FeedListing, FeedPaper, RecordUnreadable
from paperround.text.markup import render_unicode
from paperround.text.plain import to_plain_paragraphs, to_plain_text
from paperround.text.venue import find_venue

PREFIXES: Final = re.compile(r"oai:arXiv\.org:|https?://arxiv\.org/abs/", re.I)
HEAD: Final = re.compile(r"\s*arXiv:\S+\s+Announce Type:\s*(?P<kind>[a-z-]+)\s+Abstract:\s*", re.I)
CATEGORY: Final = re.compile(r"[a-z]+(?:-[a-z]+)?(?:\.(?:[A-Z]{2}|[a-z]+(?:-[a-z]+)?))?", re.ASCII)
GENERATION: Final = re.compile(r"(?:Jr|Sr)\.?|I{2,3}|IV|M\.?D\.?|Ph\.?D\.?")
WORK: Final = r"(?:paper|article|manuscript|submission|preprint|work|note|report|letter|draft|version)"
WITHDRAWN_ABSTRACT: Final = re.compile(
    rf"\W*(?:this|the)\s+(?:\w+\s+)?{WORK}\s+(?:has\s+been|was|is(?:\s+being)?)\s+(?:temporarily\s+)?withdrawn",
    re.I,
)
WITHDRAWN_COMMENT: Final = re.compile(
    rf"^\W*withdrawn\b|\b{WORK}\s+(?:(?:has\s+been|was|is)\s+)?(?:temporarily\s+)?withdrawn\b", re.I
)

Line = Annotated[str, StringConstraints(max_length=2_000)]
Prose = Annotated[str, StringConstraints(max_length=50_000)]


class _ArxivModel(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class ArxivTag(_ArxivModel):
    term: Line | None = None


class ArxivName(_ArxivModel):
    """An author of a query answer, or all authors of an announcement separated by commas."""

    name: Annotated[str, StringConstraints(max_length=500_000)] | None = None


class ArxivEntry(_ArxivModel):
    """An entry, with the names of its fields in feedparser."""

    id: Line
    title: Line | None = None
    summary: Prose | None = None
    tags: Annotated[list[ArxivTag], Field(max_length=100)] | None = None
    authors: Annotated[list[ArxivName], Field(max_length=10_000)] | None = None
    published: Line | None = None
    updated: Line | None = None
    arxiv_announce_type: Line | None = None
    arxiv_primary_category: ArxivTag | None = None
    arxiv_comment: Prose | None = None
    arxiv_doi: Prose | None = None  # authors may name several
    arxiv_journal_ref: Prose | None = None  # in query answers
    arxiv_journal_reference: Prose | None = None  # in announcements


def parse_record(record: object, feed_categories: Iterable[str]) -> FeedPaper:
    """Parse an entry of the day's list of these categories. Raises `RecordUnreadable`."""
    if isinstance(record, BrokenRecord):
        raise RecordUnreadable(record.reason)
    try:
        entry = ArxivEntry.model_validate(record)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(step) for step in first["loc"]) or "record"
        raise RecordUnreadable(f"{field}: {first['msg'][:200]}") from error
    try:
        paper_id = strip_version(_strip_prefix(entry.id))
    except ValueError as error:
        raise RecordUnreadable(f"id: {error}") from error
    title = to_plain_text(entry.title or "")
    if not title:
        raise RecordUnreadable("title: missing")
    head = HEAD.match(entry.summary or "")
    is_announcement = head is not None or entry.arxiv_announce_type is not None
    build_paper = _build_announced if is_announcement else _build_queried
    return build_paper(entry, paper_id, title, frozenset(feed_categories))


def guess_paper_id(record: object) -> str | None:
    """Guess the paper id of an unreadable record. Returns None if it has no valid id."""
    if isinstance(record, BrokenRecord):
        return record.guess_paper_id(strip_version)
    entry_id = record.get("id") if isinstance(record, Mapping) else None
    try:
        return strip_version(_strip_prefix(entry_id)) if isinstance(entry_id, str) else None
    except ValueError:
        return None


def announcement_rank(record: object) -> int:
    """The rank of an entry among the announcements of its paper. The lowest rank is the strongest."""
    try:
        return list(AnnouncementKind).index(_parse_kind(ArxivEntry.model_validate(record)))
    except (ValidationError, RecordUnreadable):
        return len(AnnouncementKind)


def _strip_prefix(value: str) -> str:
    return PREFIXES.sub("", value.strip(), count=1)


def _parse_kind(entry: ArxivEntry) -> AnnouncementKind:
    head = HEAD.match(entry.summary or "")
    kind = (entry.arxiv_announce_type or (head["kind"] if head else "")).strip().lower()
    try:
        return AnnouncementKind(kind)
    except ValueError as error:
        raise RecordUnreadable(f"announce_type: {kind[:40]!r} is unknown") from error


def _build_announced(
    entry: ArxivEntry, paper_id: str, title: str, _feed_categories: frozenset[str]
) -> FeedPaper:
    """Build a paper from an announcement. It does not say when the paper was first submitted."""
    abstract = to_plain_paragraphs(HEAD.sub("", entry.summary or "", count=1)) or None
    number = parse_version(_strip_prefix(entry.id))
    return FeedPaper(
        id=paper_id,
        title=title,
        abstract=abstract,
        authors=_authors(_split_names(entry.authors)),
        categories=_categories(entry),
        doi=doi.find_doi(entry.arxiv_doi or ""),
        venue=find_venue("", entry.arxiv_journal_reference or ""),
        version=number,
        revised_at=_parse_time(entry.published) if number and number > 1 else None,
        withdrawn=True if _says_withdrawn(abstract, None) else None,
        listing=FeedListing(kind=_parse_kind(entry), announced_at=_parse_time(entry.published)),
    )


def _build_queried(
    entry: ArxivEntry, paper_id: str, title: str, feed_categories: frozenset[str]
) -> FeedPaper:
    """Build a paper from the query API, which gives no kind. It is new if we follow its primary category."""
    abstract = to_plain_paragraphs(entry.summary or "") or None
    categories = _categories(entry)
    number = parse_version(_strip_prefix(entry.id))
    primary = categories[0] if categories else None
    return FeedPaper(
        id=paper_id,
        title=title,
        abstract=abstract,
        published_at=_parse_time(entry.published),
        authors=_authors([author.name or "" for author in entry.authors or []]),
        categories=categories,
        doi=doi.find_doi(entry.arxiv_doi or ""),
        venue=find_venue(entry.arxiv_comment or "", entry.arxiv_journal_ref or ""),
        version=number,
        revised_at=_parse_time(entry.updated) if number and number > 1 else None,
        withdrawn=_says_withdrawn(abstract, entry.arxiv_comment),
        listing=FeedListing(
            kind=AnnouncementKind.new if primary in feed_categories else AnnouncementKind.cross, presumed=True
        ),
    )


def _says_withdrawn(abstract: str | None, comment: str | None) -> bool:
    """Whether the comment or the abstract says that the paper is withdrawn. arXiv has no field for it."""
    return bool(
        WITHDRAWN_ABSTRACT.match(abstract or "") or WITHDRAWN_COMMENT.search(to_plain_text(comment or ""))
    )


def _categories(entry: ArxivEntry) -> tuple[str, ...] | None:
    """List the categories, the primary one first. Subject classes of MSC and ACM are left out."""
    primary = [entry.arxiv_primary_category] if entry.arxiv_primary_category else []
    terms = [(tag.term or "").strip() for tag in [*primary, *(entry.tags or [])]]
    categories = dict.fromkeys(term for term in terms if is_category(term))
    return tuple(categories) or None


def is_category(term: str) -> bool:
    """Tell whether a term has the form of a category: `cs.CL`, `astro-ph.CO`, `hep-th`."""
    return len(term) <= 30 and CATEGORY.fullmatch(term) is not None


def _split_names(names: Iterable[ArxivName] | None) -> list[str]:
    """Split a list of names at its commas, except within brackets and before a suffix such as "Jr."."""
    parts: list[str] = []
    depth = 0
    for piece in ", ".join(author.name or "" for author in names or []).split(","):
        if parts and (depth > 0 or GENERATION.fullmatch(piece.strip())):
            parts[-1] += f",{piece}"
        else:
            parts.append(piece)
        depth = max(depth + piece.count("(") - piece.count(")"), 0)
    return parts


def _authors(names: Iterable[str]) -> tuple[FeedAuthor, ...] | None:
    """Build the authors in order, with TeX's accents as letters.

    A name without letters is left out, such as the ":" that follows a collaboration's name.
    """
    clean = (to_plain_text(render_unicode(name)) for name in names)
    return tuple(FeedAuthor(name=name) for name in clean if any(map(str.isalnum, name))) or None


def _parse_time(value: str | None) -> datetime | None:
    """Parse an ISO time or that of RSS. Anything else counts as unknown."""
    try:
        parsed = datetime.fromisoformat(value or "")
    except ValueError:
        try:
            parsed = parsedate_to_datetime(value or "")
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
    try:
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except OverflowError:
        return None
