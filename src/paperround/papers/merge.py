"""Merges the records of all feeds into one paper, in whatever order they were read.

docs/decisions/0005-two-feeds-one-paper.md explains the rules. This module uses no database session.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final, NamedTuple

from paperround.papers.heat import listing_time
from paperround.papers.paper_values import PaperValues
from paperround.papers.record import FeedAuthor, FeedPaper
from paperround.papers.rows import AuthorRow
from paperround.text.accents import fold_accents

ARXIV_FEED: Final = "arxiv"
READERS_FEED: Final = "readers"  # the list of papers that readers submitted; arXiv describes them
LISTING_SOURCE: Final = "listed"  # the source of a publication date that comes from the listing

SIGNAL_FIELDS: Final = ("upvotes", "comments", "github_stars")

# Both feeds have these fields, and arXiv's values win. A paper's vector is computed from title and abstract.
SHARED_FIELDS: Final = ("title", "abstract", "published_at")
# Only the hub has these fields.
HUB_FIELDS: Final = (
    "upvotes", "comments", "discussion_id", "author_participates", "thumbnail_url", "media_urls",
    "ai_summary", "ai_summary_model", "ai_keywords", "project_url", "github_url", "github_stars",
    "github_added_by", "withdrawn_at",
)  # fmt: skip
# Only arXiv has these fields, beside those of a version.
ARXIV_FIELDS: Final = ("categories", "doi", "venue")


class PaperChange(NamedTuple):
    """What a record changed.

    `numbers` is whether votes, comments or stars changed, or are known for the first time.
    """

    numbers: bool


def build_paper(record: FeedPaper, *, feed: str, day: date, seen_at: datetime) -> PaperValues:
    """Build a new paper from the record of a feed's list."""
    paper = PaperValues(
        id=record.id,
        title=record.title,
        abstract="",
        published_at=listing_time(day),
        sources={"published_at": LISTING_SOURCE},
        listed_on=day,
        seen_at=seen_at,
    )
    apply_record(paper, record, feed=feed, seen_at=seen_at)
    return paper


def apply_record(
    paper: PaperValues, record: FeedPaper, *, feed: str, seen_at: datetime, listed_later: bool = False
) -> PaperChange:
    """Update a paper from one record of a reading.

    A record that is older than the last applied one of the same feed changes nothing. If the paper is on the
    feed's list of a later day, or has a later version, the record only fills gaps.
    """
    if feed in (ARXIV_FEED, READERS_FEED):
        _apply_arxiv(paper, record, seen_at)
        return PaperChange(numbers=False)
    before = [getattr(paper, name) for name in SIGNAL_FIELDS]
    first = paper.hub_seen_at is None
    if listed_later:
        _apply_hub(paper, record, only_gaps=True)
    elif paper.hub_seen_at is None or seen_at >= paper.hub_seen_at:
        _apply_hub(paper, record)
        paper.hub_seen_at = seen_at
        paper.seen_at = max(paper.seen_at, seen_at)
    return PaperChange(numbers=first or [getattr(paper, name) for name in SIGNAL_FIELDS] != before)


def set_listing_day(paper: PaperValues, day: date) -> None:
    """Set the day of the earliest listing. It is also the publication date if no feed has one."""
    if paper.listed_on != day:
        paper.listed_on = day
    if paper.sources.get("published_at") == LISTING_SOURCE and paper.published_at != listing_time(day):
        paper.published_at = listing_time(day)


def _apply_hub(paper: PaperValues, record: FeedPaper, *, only_gaps: bool = False) -> None:
    for name in SHARED_FIELDS:
        if paper.sources.get(name) != ARXIV_FEED:
            _take(paper, name, getattr(record, name), only_gaps=only_gaps and name not in paper.sources)
            if getattr(record, name) is not None:
                _credit(paper, name, None)
    for name in HUB_FIELDS:
        _take(paper, name, getattr(record, name), only_gaps=only_gaps)
    if record.organization and not (only_gaps and paper.organization_name):
        paper.organization_name = record.organization.name
    if not record.authors:
        return
    if paper.sources.get("authors") == ARXIV_FEED:
        paper.authors = _add_hub_details(paper.authors, record.authors)
    elif not (only_gaps and paper.authors):
        paper.authors = [_to_row(author) for author in record.authors]


def _apply_arxiv(paper: PaperValues, record: FeedPaper, seen_at: datetime) -> None:
    stored_version, version = paper.version or 0, record.version or 0
    older = version < stored_version or (
        version == stored_version and paper.arxiv_seen_at is not None and seen_at < paper.arxiv_seen_at
    )
    for name in SHARED_FIELDS:
        value = getattr(record, name)
        if value is not None and not (older and paper.sources.get(name) == ARXIV_FEED):
            _take(paper, name, value)
            _credit(paper, name, ARXIV_FEED)
    for name in ARXIV_FIELDS:
        _take(paper, name, getattr(record, name), only_gaps=older)
    if record.authors and not (older and paper.sources.get("authors") == ARXIV_FEED):
        paper.authors = _with_hub_details(record.authors, paper.authors)
        _credit(paper, "authors", ARXIV_FEED)
    if not older:
        _take_version(paper, record, newer=version > stored_version)
        paper.arxiv_seen_at = max(seen_at, paper.arxiv_seen_at or seen_at)
        paper.seen_at = max(paper.seen_at, seen_at)


def _take_version(paper: PaperValues, record: FeedPaper, *, newer: bool) -> None:
    """Store the version. An announcement has only its day and a query its exact time, which is earlier."""
    if newer:
        paper.version, paper.revised_at = record.version, record.revised_at
    elif record.revised_at and paper.revised_at:
        paper.revised_at = min(paper.revised_at, record.revised_at)
    else:
        _take(paper, "revised_at", record.revised_at)
    _take(paper, "withdrawn_on_arxiv", record.withdrawn)


def _take(paper: PaperValues, name: str, value: Any, *, only_gaps: bool = False) -> None:
    """Set a field to a value unless that is None. With `only_gaps`, set it only if the field is empty."""
    stored_value = getattr(paper, name)
    value = list(value) if isinstance(value, tuple) else value
    is_gap = stored_value in (None, "")
    if value is not None and value != stored_value and (is_gap or not only_gaps):
        setattr(paper, name, value)


def _credit(paper: PaperValues, name: str, feed: str | None) -> None:
    """Record which feed a field comes from. None means the hub, which is not stored."""
    sources = {field: source for field, source in paper.sources.items() if field != name}
    if feed:
        sources[name] = feed
    if sources != paper.sources:
        paper.sources = sources


def _to_row(author: FeedAuthor) -> AuthorRow:
    account = None if author.account is None else dict(author.account)
    return AuthorRow(
        author.name, author.hidden, author.hub_id, account, author.status, author.status_changed_at
    )


def _with_hub_details(
    arxiv_authors: Sequence[FeedAuthor], stored_authors: Sequence[AuthorRow]
) -> list[AuthorRow]:
    """Build arXiv's authors in arXiv's order, each with the hub's details of that author."""
    stored = _by_name(stored_authors)
    rows = []
    for author in arxiv_authors:
        namesakes = stored.get(normalise_name(author.name))
        details = namesakes.pop(0) if namesakes else AuthorRow(author.name)
        rows.append(details._replace(name=author.name))
    return rows


def _add_hub_details(authors: Sequence[AuthorRow], hub_authors: Sequence[FeedAuthor]) -> list[AuthorRow]:
    """Give authors the hub's details. Their names stay as they are."""
    details = _by_name([_to_row(author) for author in hub_authors])
    rows = []
    for author in authors:
        namesakes = details.get(normalise_name(author.name))
        rows.append(namesakes.pop(0)._replace(name=author.name) if namesakes else author)
    return rows


def _by_name(authors: Sequence[AuthorRow]) -> dict[str, list[AuthorRow]]:
    """Group authors by name. Those of the same name keep their order."""
    by_name: dict[str, list[AuthorRow]] = {}
    for author in authors:
        by_name.setdefault(normalise_name(author.name), []).append(author)
    return by_name


def normalise_name(name: str) -> str:
    """Normalise a person's name for comparison: lower case without accents, dots and hyphens."""
    letters = "".join(c if c.isalnum() else " " for c in fold_accents(name))
    return " ".join(letters.split())
