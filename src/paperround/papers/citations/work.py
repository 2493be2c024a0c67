"""What every format of citations needs of a paper: its names, its date, its key and its address."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from paperround.papers.readings import read_title
from paperround.papers.rows import PaperRow
from paperround.text.accents import fold_accents
from paperround.text.person_name import PersonName, split_name
from paperround.text.plain import to_plain_text

SMALL_WORDS: Final = re.compile(
    "a|an|and|are|as|at|be|by|can|do|does|for|from|how|in|into|is|it|its|not|of|on|or|over|the|to|towards?|under"
    "|via|we|what|when|where|why|with|without"
)


def arxiv_url(paper: PaperRow) -> str:
    """Build the URL of a paper on arXiv."""
    return f"https://arxiv.org/abs/{paper.id}"


def cited_url(paper: PaperRow, *, site: str) -> str:
    """Build the URL by which a paper is cited: on arXiv, or here if it is invented. `site` is our address."""
    return f"{site}/papers/{paper.id}" if paper.invented else arxiv_url(paper)


def list_authors(paper: PaperRow) -> list[PersonName]:
    """List the authors in their order. A name without a letter is left out."""
    return [name for text in paper.author_names if (name := split_name(to_plain_text(text)))]


def write_sorted_name(name: PersonName) -> str:
    """Write `Family, Given, Suffix`. Whoever reads it splits at commas, so the name of a group has none."""
    return " ".join(name.literal.replace(",", " ").split()) if name.literal else name.sorted_form


def published_on(paper: PaperRow) -> datetime:
    return paper.published_at.astimezone(UTC)


def build_note(paper: PaperRow) -> str:
    """Say what must be known before a paper is cited. Mostly nothing."""
    notes = ("A sample, invented" if paper.invented else "", "Withdrawn" if paper.withdrawn else "")
    return ". ".join(filter(None, notes))


def build_citation_key(paper: PaperRow) -> str:
    """Build a key such as `lindqvist2026patient`: first author, year, first significant word. It is ASCII.

    `arxiv` replaces an author, and the id a word, that has no Latin letters.
    """
    words = [word for word in _latin(read_title(paper).text) if not SMALL_WORDS.fullmatch(word)]
    word = next((word for word in words if len(word) > 1), None) or _bare_id(paper)
    return f"{_family(list_authors(paper)) or 'arxiv'}{published_on(paper).year}{word}"


def build_distinct_key(paper: PaperRow, used_keys: set[str]) -> str:
    """Build a key that is none of those used, and add it to them. The id tells papers of one key apart."""
    key = build_citation_key(paper)
    key = key if key not in used_keys else f"{key}{_bare_id(paper)}"
    used_keys.add(key)
    return key


def _family(authors: list[PersonName]) -> str:
    """Write the last word of the first author's family name, or the first word of a group's."""
    if not authors:
        return ""
    first = authors[0]
    return "".join(_latin(first.literal.split()[0] if first.literal else first.family.split()[-1]))


def _bare_id(paper: PaperRow) -> str:
    return "".join(_latin(paper.id))


def _latin(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", fold_accents(text).replace("'", "").replace("’", ""))
