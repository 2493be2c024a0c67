"""An entry of arXiv's announcements or query answers → `FeedPaper`. Knows both forms, and no network.

As lenient and as strict as hub_record: missing is fine, a known field of a wrong type refuses the record.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from paperround.papers import doi
from paperround.papers.arxiv_id import bare_id, version
from paperround.papers.record import FeedAuthor, FeedListing, FeedPaper, Kind, Unreadable
from paperround.text.markup import paragraphs, plain, unicode_math

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


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class Tag(_Strict):
    term: Line | None = None


class Name(_Strict):
    name: Annotated[str, StringConstraints(max_length=500_000)] | None = (
        None  # all authors in one, with commas
    )


class Entry(_Strict):
    """What feedparser makes of an entry, under its names."""

    id: Line
    title: Line | None = None
    summary: Prose | None = None
    tags: Annotated[list[Tag], Field(max_length=100)] | None = None
    authors: Annotated[list[Name], Field(max_length=10_000)] | None = None
    published: Line | None = None
    updated: Line | None = None
    arxiv_announce_type: Line | None = None
    arxiv_primary_category: Tag | None = None
    arxiv_comment: Prose | None = None
    arxiv_doi: Prose | None = None  # authors may name several


def read(record: object, asked: Iterable[str]) -> FeedPaper:
    """Read an entry of the day's list of the categories `asked`. Raises `Unreadable`."""
    try:
        entry = Entry.model_validate(record)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(step) for step in first["loc"]) or "record"
        raise Unreadable(f"{place}: {first['msg'][:200]}") from error
    try:
        paper_id = bare_id(_id(entry.id))
    except ValueError as error:
        raise Unreadable(f"id: {error}") from error
    title = plain(entry.title or "")
    if not title:
        raise Unreadable("title: missing")
    head = HEAD.match(entry.summary or "")
    announced = head is not None or entry.arxiv_announce_type is not None
    read_one = _announced if announced else _queried
    return read_one(entry, paper_id, title, frozenset(asked))


def guess_id(record: object) -> str | None:
    """The paper that an unreadable record is about, when that much can be told."""
    named = record.get("id") if isinstance(record, Mapping) else None
    try:
        return bare_id(_id(named)) if isinstance(named, str) else None
    except ValueError:
        return None


def strength(record: object) -> int:
    """Of a paper's announcements in several categories, the one with the lowest number counts."""
    try:
        return list(Kind).index(_kind(Entry.model_validate(record)))
    except (ValidationError, Unreadable):
        return len(Kind)


def _id(value: str) -> str:
    return PREFIXES.sub("", value.strip(), count=1)


def _kind(entry: Entry) -> Kind:
    head = HEAD.match(entry.summary or "")
    told = (entry.arxiv_announce_type or (head["kind"] if head else "")).strip().lower()
    try:
        return Kind(told)
    except ValueError as error:
        raise Unreadable(f"announce_type: {told[:40]!r} is none that we know") from error


def _announced(entry: Entry, paper_id: str, title: str, _asked: frozenset[str]) -> FeedPaper:
    """An announcement is dated with its own day; when the paper was first submitted it doesn't tell."""
    abstract = paragraphs(HEAD.sub("", entry.summary or "", count=1)) or None
    number = version(_id(entry.id))
    return FeedPaper(
        id=paper_id,
        title=title,
        abstract=abstract,
        authors=_authors(_split(entry.authors)),
        categories=_categories(entry),
        doi=doi.named(entry.arxiv_doi or ""),
        version=number,
        revised_at=_instant(entry.published) if number and number > 1 else None,
        withdrawn=True if _says_withdrawn(abstract, None) else None,
        listing=FeedListing(kind=_kind(entry)),
    )


def _queried(entry: Entry, paper_id: str, title: str, asked: frozenset[str]) -> FeedPaper:
    """An answer of the query API tells no announcement: it is new in its primary category, else cross."""
    abstract = paragraphs(entry.summary or "") or None
    categories = _categories(entry)
    number = version(_id(entry.id))
    primary = categories[0] if categories else None
    return FeedPaper(
        id=paper_id,
        title=title,
        abstract=abstract,
        published_at=_instant(entry.published),
        authors=_authors([author.name or "" for author in entry.authors or []]),
        categories=categories,
        doi=doi.named(entry.arxiv_doi or ""),
        version=number,
        revised_at=_instant(entry.updated) if number and number > 1 else None,
        withdrawn=_says_withdrawn(abstract, entry.arxiv_comment),
        listing=FeedListing(kind=Kind.new if primary in asked else Kind.cross, presumed=True),
    )


def _says_withdrawn(abstract: str | None, comment: str | None) -> bool:
    """arXiv has no mark for it: its page says "Withdrawn" where comment or abstract do."""
    return bool(WITHDRAWN_ABSTRACT.match(abstract or "") or WITHDRAWN_COMMENT.search(plain(comment or "")))


def _categories(entry: Entry) -> tuple[str, ...] | None:
    """The primary one first; classes of mathematics and of computing (MSC, ACM) left out."""
    primary = [entry.arxiv_primary_category] if entry.arxiv_primary_category else []
    terms = [(tag.term or "").strip() for tag in [*primary, *(entry.tags or [])]]
    found = dict.fromkeys(term for term in terms if is_category(term))
    return tuple(found) or None


def is_category(term: str) -> bool:
    """Whether it has the form of one: `cs.CL`, `astro-ph.CO`, `hep-th`."""
    return len(term) <= 30 and CATEGORY.fullmatch(term) is not None


def _split(names: Iterable[Name] | None) -> list[str]:
    """One text with all authors; a comma in brackets or before "Jr." doesn't part two people."""
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
    """In order, TeX's accents as letters. A lone ":" marks a collaboration's name before it; it is nobody."""
    clean = (plain(unicode_math(name)) for name in names)
    return tuple(FeedAuthor(name=name) for name in clean if any(map(str.isalnum, name))) or None


def _instant(value: str | None) -> datetime | None:
    """An ISO time, or RSS's. What can't be read counts as not told."""
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
