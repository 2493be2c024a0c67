"""What a feed says, in no format yet: its papers as plain texts, kept while they are asked for often.

Most entries of a feed are those of the last request for it, so what a paper says is read once, for every
feed and format.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, NamedTuple

from paperround.kept_parts import KeptParts
from paperround.papers.heat import listing_time
from paperround.papers.lead import AI_SUMMARY_LABEL, read_lead
from paperround.papers.readings import read_abstract, read_title
from paperround.papers.rows import PaperRow
from paperround.settings import Settings
from paperround.text.markup import render_unicode
from paperround.text.plain import to_plain_text
from paperround.text.reading import FormulaBudget, Reading, page_budget

MAX_AUTHORS: Final = 50
MAX_KEPT: Final = 3_000_000  # characters


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """A paper in a feed. Everything is plain text without control characters. `path` begins with a slash.

    `lead` says what was done, and who says it. It is empty where the abstract begins with it. `changed`
    leaves out votes, which come every hour; a new version counts.
    """

    path: str
    title: str
    lead: str
    abstract: str
    authors: tuple[str, ...]
    tags: tuple[str, ...]
    published: datetime
    changed: datetime

    def __len__(self) -> int:
        texts = (self.title, self.lead, self.abstract, *self.authors, *self.tags)
        return 500 + sum(map(len, texts))


class NotedEntry(NamedTuple):
    """An entry, and why it is in this feed: plain text, or ''."""

    entry: FeedEntry
    note: str


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

    def entries(self) -> Iterator[NotedEntry]:
        """Yield what the feed says of each paper. Formulas of unread papers share one budget."""
        budget = page_budget()
        for paper in self.papers:
            yield NotedEntry(read_entry(paper, budget), self.notes.get(paper.id, ""))


_kept: Final[KeptParts[FeedEntry]] = KeptParts(MAX_KEPT)


def read_entry(paper: PaperRow, budget: FormulaBudget) -> FeedEntry:
    """Return what a feed says of a paper. One that isn't read yet is read as far as `budget` goes."""
    return _kept.find_or_make(
        entry_key(paper) if paper.is_read else None, lambda: _build_entry(paper, budget)
    )


def entry_key(paper: PaperRow) -> tuple[object, ...]:
    """Name all that an entry shows of a paper that is read."""
    lists = (paper.author_names, paper.categories or (), paper.ai_keywords or ())
    return (
        paper.id, paper.read_hash, paper.reader_version, paper.summary, paper.withdrawn, paper.listed_on,
        paper.revised_at, *map(tuple, lists),
    )  # fmt: skip


def _build_entry(paper: PaperRow, budget: FormulaBudget) -> FeedEntry:
    title, abstract = read_title(paper, budget).text, read_abstract(paper, budget)
    listed = listing_time(paper.listed_on)
    return FeedEntry(
        path=f"/papers/{paper.id}",
        title=("[Withdrawn] " if paper.withdrawn else "") + (title or paper.id),
        lead=_write_lead(paper, abstract, budget),
        abstract=abstract.text,
        authors=tuple(filter(None, map(to_plain_text, paper.author_names)))[:MAX_AUTHORS],
        tags=_list_tags(paper, budget),
        published=listed,
        changed=max(listed, paper.revised_at) if paper.revised_at else listed,
    )


def _write_lead(paper: PaperRow, abstract: Reading, budget: FormulaBudget) -> str:
    lead = read_lead(paper, abstract, budget)
    if lead is None or lead.opens_abstract:
        return ""
    return f"{AI_SUMMARY_LABEL}: {lead.reading.text}" if lead.is_by_model else lead.reading.text


def _list_tags(paper: PaperRow, budget: FormulaBudget) -> tuple[str, ...]:
    words = [*(paper.categories or []), *(paper.ai_keywords or [])]
    told = (to_plain_text(render_unicode(word, budget)) for word in words)
    return tuple(dict.fromkeys(filter(None, told)))
