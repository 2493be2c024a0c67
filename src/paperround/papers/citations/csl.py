"""Renders papers as CSL JSON 1.0.2, which Zotero, Pandoc and citeproc read."""

from __future__ import annotations

from typing import Any

from paperround.papers.citations.work import build_citation_key, build_note, list_authors, published_on
from paperround.papers.readings import read_abstract, read_title
from paperround.papers.rows import PaperRow
from paperround.text.person_name import PersonName
from paperround.text.plain import to_plain_paragraphs, to_plain_text


def build_csl_item(paper: PaperRow, *, url: str, key: str = "") -> dict[str, Any]:
    """Build one item. Formulas are in Unicode; what is unknown is left out."""
    published = published_on(paper)
    on_arxiv = {} if paper.invented else {"publisher": "arXiv", "number": f"arXiv:{paper.id}"}
    item: dict[str, Any] = {
        "id": key or build_citation_key(paper),
        "type": "article",
        "genre": "preprint",
        "title": to_plain_text(read_title(paper).text),
        "author": [_write_author(name) for name in list_authors(paper)],
        "issued": {"date-parts": [[published.year, published.month, published.day]]},
        "abstract": to_plain_paragraphs(read_abstract(paper).text),
        **on_arxiv,
        "DOI": paper.doi or "",
        "URL": url,
        "note": build_note(paper),
    }
    return {name: value for name, value in item.items() if value}


def _write_author(name: PersonName) -> dict[str, str]:
    parts = {
        "family": name.family,
        "given": name.given,
        "non-dropping-particle": name.particle,
        "suffix": name.suffix,
        "literal": name.literal,
    }
    return {variable: value for variable, value in parts.items() if value}
