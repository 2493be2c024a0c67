"""Where else a paper can be read and worked with, and what is copied of it. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from paperround.papers.rows import PaperRow
from paperround.text.markup import escape_markdown
from paperround.web.views.page_size import shorten_text

MAX_SHARED_AUTHORS: Final = 6
MAX_SHARED_NAMES: Final = 300  # bytes
MAX_SHARED_TITLE: Final = 300
# By the arXiv id. Papers with an id of the old form have no page in HTML.
PLACES: Final = (
    ("alphaXiv", "https://www.alphaxiv.org/abs/{id}"),
    ("Semantic Scholar", "https://api.semanticscholar.org/arXiv:{id}"),
)


@dataclass(frozen=True)
class Sharing:
    """What a reader gives to others: the address, and the paper as a line of Markdown."""

    url: str
    markdown: str


def list_reading_places(paper: PaperRow, title: str, url: str, tools: Sequence[str]) -> list[tuple[str, str]]:
    """List names and addresses. `tools` are the operator's, as `PAPERROUND_PAPER_LINKS` has them.

    A paper of the sample edition is nowhere else.
    """
    if paper.invented:
        return []
    on_arxiv = [] if "/" in paper.id else [("arXiv HTML", f"https://arxiv.org/html/{paper.id}")]
    places = [(name, address.format(id=paper.id)) for name, address in PLACES]
    values = {"id": paper.id, "url": url, "pdf": f"https://arxiv.org/pdf/{paper.id}", "title": title}
    encoded = {name: quote(value, safe="") for name, value in values.items()}
    named = (tool.partition("=")[::2] for tool in tools)
    return [*on_arxiv, *places, *((name.strip(), address.format(**encoded)) for name, address in named)]


def build_sharing(paper: PaperRow, title: str, url: str) -> Sharing:
    """Build what is copied: `[Title](address), by Ada Lindqvist and 3 others (2026)`."""
    names = paper.author_names[:MAX_SHARED_AUTHORS]
    rest = len(paper.author_names) - len(names)
    by = escape_markdown(shorten_text(", ".join(names), MAX_SHARED_NAMES)) + (
        f" and {rest} more" if rest else ""
    )
    line = f"[{escape_markdown(shorten_text(title, MAX_SHARED_TITLE))}]({url})" + (f", by {by}" if by else "")
    return Sharing(url, f"{line} ({paper.published_at.year})")
