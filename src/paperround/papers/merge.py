"""How what a feed told goes into a paper: one paper for all feeds, whichever was read first.

The rule, in words: docs/decisions/0005-two-feeds-one-paper.md. Knows no session.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final, NamedTuple

from paperround.papers.heat import listing_time
from paperround.papers.record import FeedAuthor, FeedPaper
from paperround.papers.tables import Author, Paper
from paperround.text.markup import folded

ARXIV: Final = "arxiv"
READERS: Final = "readers"  # the list of what readers submitted; arXiv told of the papers
LISTED: Final = "listed"  # the source of a date that no feed told: the listing's

NUMBERS: Final = ("upvotes", "comments", "github_stars")

# Both feeds tell these, and arXiv's word stands. Title and abstract are what a paper's vector is made of.
SHARED: Final = ("title", "abstract", "published_at")
# The hub's alone.
HUBS: Final = (
    "upvotes", "comments", "discussion_id", "author_participates", "thumbnail_url", "media_urls",
    "ai_summary", "ai_summary_model", "ai_keywords", "project_url", "github_url", "github_stars",
    "github_added_by", "withdrawn_at",
)  # fmt: skip
# arXiv's alone, beside what belongs to a version.
ARXIVS: Final = ("categories", "doi")
# An author's, by the hub.
HUB_DETAILS: Final = ("hidden", "hub_id", "account", "status", "status_changed_at")


class Change(NamedTuple):
    numbers: bool  # they moved, or were told for the first time


def new_paper(found: FeedPaper, *, feed: str, day: date, seen_at: datetime) -> Paper:
    paper = Paper(
        id=found.id,
        title=found.title,
        abstract="",
        published_at=listing_time(day),
        sources={"published_at": LISTED},
        upvotes=0,
        listed_on=day,
        seen_at=seen_at,
        heat=0.0,
        authors=[],
    )
    apply(paper, found, feed=feed, seen_at=seen_at)
    return paper


def apply(
    paper: Paper, found: FeedPaper, *, feed: str, seen_at: datetime, listed_later: bool = False
) -> Change:
    """Bring a paper up to date with one record of a reading.

    What is older than the last applied of the same feed changes nothing; where the paper stands on the feed's
    list of a later day, or has a later version, only gaps are filled.
    """
    if feed in (ARXIV, READERS):
        _apply_arxiv(paper, found, seen_at)
        return Change(numbers=False)
    before = [getattr(paper, name) for name in NUMBERS]
    first = paper.hub_seen_at is None
    if listed_later:
        _take_hubs(paper, found, only_gaps=True)
    elif paper.hub_seen_at is None or seen_at >= paper.hub_seen_at:
        _take_hubs(paper, found)
        paper.hub_seen_at = seen_at
        paper.seen_at = max(paper.seen_at, seen_at)
    return Change(numbers=first or [getattr(paper, name) for name in NUMBERS] != before)


def listed(paper: Paper, day: date) -> None:
    """Set the day of its earliest listing; the date of publication goes with it where nobody told one."""
    if paper.listed_on != day:
        paper.listed_on = day
    if paper.sources.get("published_at") == LISTED and paper.published_at != listing_time(day):
        paper.published_at = listing_time(day)


def _take_hubs(paper: Paper, found: FeedPaper, *, only_gaps: bool = False) -> None:
    for name in SHARED:
        if paper.sources.get(name) != ARXIV:
            _take(paper, name, getattr(found, name), only_gaps=only_gaps and name not in paper.sources)
            if getattr(found, name) is not None:
                _credit(paper, name, None)
    for name in HUBS:
        _take(paper, name, getattr(found, name), only_gaps=only_gaps)
    if found.organization and not (only_gaps and paper.organization_name):
        paper.organization_name = found.organization.name
    if not found.authors:
        return
    if paper.sources.get("authors") == ARXIV:
        _add_hub_details(paper.authors, found.authors)
    elif not (only_gaps and paper.authors):
        _set_authors(paper, [dict(author) for author in found.authors])


def _apply_arxiv(paper: Paper, found: FeedPaper, seen_at: datetime) -> None:
    known, told = paper.version or 0, found.version or 0
    older = told < known or (
        told == known and paper.arxiv_seen_at is not None and seen_at < paper.arxiv_seen_at
    )
    for name in SHARED:
        value = getattr(found, name)
        if value is not None and not (older and paper.sources.get(name) == ARXIV):
            _take(paper, name, value)
            _credit(paper, name, ARXIV)
    for name in ARXIVS:
        _take(paper, name, getattr(found, name), only_gaps=older)
    if found.authors and not (older and paper.sources.get("authors") == ARXIV):
        _set_authors(paper, _with_hub_details(found.authors, paper.authors))
        _credit(paper, "authors", ARXIV)
    if not older:
        _take_version(paper, found, newer=told > known)
        paper.arxiv_seen_at = max(seen_at, paper.arxiv_seen_at or seen_at)
        paper.seen_at = max(paper.seen_at, seen_at)


def _take_version(paper: Paper, found: FeedPaper, *, newer: bool) -> None:
    """An announcement knows a version's day only, later answers its time: the earlier is the exact one."""
    if newer:
        paper.version, paper.revised_at = found.version, found.revised_at
    elif found.revised_at and paper.revised_at:
        paper.revised_at = min(paper.revised_at, found.revised_at)
    else:
        _take(paper, "revised_at", found.revised_at)
    _take(paper, "withdrawn_on_arxiv", found.withdrawn)


def _take(paper: Paper, name: str, value: Any, *, only_gaps: bool = False) -> None:
    """What was told replaces what was known (or only fills its gap); what wasn't told stays."""
    known = getattr(paper, name)
    value = list(value) if isinstance(value, tuple) else value
    if value is not None and value != known and not (only_gaps and known not in (None, "")):
        setattr(paper, name, value)


def _credit(paper: Paper, name: str, feed: str | None) -> None:
    """Note who told a field; None: the hub, which goes without saying."""
    others = {key: value for key, value in paper.sources.items() if key != name}
    now = others | ({name: feed} if feed else {})
    if now != paper.sources:
        paper.sources = now


def _set_authors(paper: Paper, rows: Sequence[Mapping[str, Any]]) -> None:
    """Place by place, so that one changed status among hundreds of authors writes one row."""
    for position, row in enumerate(rows):
        if position == len(paper.authors):
            paper.authors.append(Author(paper_id=paper.id, position=position))
        _set(paper.authors[position], row)
    del paper.authors[len(rows) :]


def _set(author: Author, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        value = dict(value) if isinstance(value, Mapping) else value
        if value != getattr(author, name):
            setattr(author, name, value)


def _with_hub_details(names: Sequence[FeedAuthor], known: Sequence[Author]) -> list[dict[str, Any]]:
    """arXiv's names in arXiv's order, each with what the hub told of its bearer."""
    details = _by_name([(author.name, _details(author)) for author in known])
    nobody = {name: FeedAuthor.model_fields[name].default for name in HUB_DETAILS}
    rows = []
    for author in names:
        same = details.get(same_name(author.name))
        rows.append({"name": author.name} | (same.pop(0) if same else nobody))
    return rows


def _add_hub_details(known: Sequence[Author], told: Sequence[FeedAuthor]) -> None:
    details = _by_name([(author.name, _details(author)) for author in told])
    for author in known:
        if same := details.get(same_name(author.name)):
            _set(author, same.pop(0))


def _details(author: Author | FeedAuthor) -> dict[str, Any]:
    return {name: getattr(author, name) for name in HUB_DETAILS}


def _by_name(rows: Sequence[tuple[str, dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """Several of one name keep their order."""
    found: dict[str, list[dict[str, Any]]] = {}
    for name, details in rows:
        found.setdefault(same_name(name), []).append(details)
    return found


def same_name(name: str) -> str:
    """What the same person's name comes to, accents, dots and hyphens aside."""
    letters = "".join(c if c.isalnum() else " " for c in folded(name))
    return " ".join(letters.split())
