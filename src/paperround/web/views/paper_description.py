"""What a paper's own page says that depends on the paper alone, kept until the paper changes.

Its numbers change by the hour, and nothing here shows them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from markupsafe import Markup

from paperround.kept_parts import KeptParts
from paperround.papers.citations.embedded import list_citation_tags
from paperround.papers.citations.formats import CitationFormat, render_citations
from paperround.papers.readings import read_abstract, read_title
from paperround.papers.rows import PaperRow
from paperround.settings import Settings
from paperround.text.markup import render_html
from paperround.text.reading import FormulaBudget
from paperround.web.views import paper_cards, presenters
from paperround.web.views.linked_data import build_scholarly_article, write_linked_data
from paperround.web.views.reading_places import Sharing, build_sharing, list_reading_places

MAX_KEPT: Final = 3_000_000  # characters
# What a reading of the feed changes each time.
NUMBERS: Final[dict[str, Any]] = {
    "seen_at": datetime.fromtimestamp(0, UTC), "hub_seen_at": None, "arxiv_seen_at": None, "upvotes": 0,
    "local_upvotes": 0, "heat": 0.0, "comments": None, "github_stars": None,
}  # fmt: skip


@dataclass(frozen=True)
class PaperDescription:
    """A paper's title and abstract as plain text, where else it is read, and how it is cited and shared.

    `keywords` are their addresses, their HTML, and they themselves. `linked_data` is JSON for a `script`.
    """

    title: str
    abstract: str
    places: Sequence[tuple[str, str]]
    sharing: Sharing
    keywords: Sequence[tuple[str, Markup, str]]
    linked_data: Markup
    citation_tags: Sequence[tuple[str, str]]
    bibtex: str

    def __len__(self) -> int:
        """Return about how many characters it has."""
        tags = sum(len(content) for _, content in self.citation_tags)
        return 2_000 + len(self.abstract) + len(self.linked_data) + len(self.bibtex) + tags


_kept: Final[KeptParts[PaperDescription]] = KeptParts(MAX_KEPT)


def describe_paper(
    paper: PaperRow, settings: Settings, budget: FormulaBudget, *, on_arxiv: bool
) -> PaperDescription:
    """Describe a paper. One that isn't read yet is read as far as `budget` goes."""
    site, tools = settings.address, tuple(settings.paper_links)
    key = (site, tools, on_arxiv, *paper._replace(**NUMBERS).key) if paper.is_read else None
    return _kept.find_or_make(key, lambda: _build(paper, site, tools, budget, on_arxiv=on_arxiv))


def _build(
    paper: PaperRow, site: str, tools: Sequence[str], budget: FormulaBudget, *, on_arxiv: bool
) -> PaperDescription:
    title, url = read_title(paper, budget).text, f"{site}/papers/{paper.id}"
    return PaperDescription(
        title=title,
        abstract=read_abstract(paper, budget).text,
        places=tuple(list_reading_places(paper, title, url, tools)),
        sharing=build_sharing(paper, title, url),
        keywords=tuple(
            (presenters.search_address(word), render_html(word, budget), word)
            for word in paper_cards.list_keywords(paper)
        ),
        linked_data=write_linked_data(build_scholarly_article(paper, url=url, on_arxiv=on_arxiv)),
        citation_tags=tuple(list_citation_tags(paper, site=site)),
        bibtex=render_citations([paper], CitationFormat.bib, site=site),
    )
