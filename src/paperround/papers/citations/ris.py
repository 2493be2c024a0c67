"""Renders a paper as RIS, in which every value is one line."""

from __future__ import annotations

from collections.abc import Iterable

from paperround.papers.citations.work import (
    build_citation_key,
    build_note,
    list_authors,
    published_on,
    write_sorted_name,
)
from paperround.papers.readings import read_abstract, read_title
from paperround.papers.rows import PaperRow
from paperround.text.plain import to_plain_text


def render_ris(paper: PaperRow, *, url: str, key: str = "") -> str:
    """Render one record. Formulas are in Unicode, every value is on one line, and lines end with CRLF."""
    published = published_on(paper)
    lines: Iterable[tuple[str, str]] = [
        ("TY", "UNPB"),
        ("ID", key or build_citation_key(paper)),
        ("TI", read_title(paper).text),
        *(("AU", write_sorted_name(name)) for name in list_authors(paper)),
        ("PY", f"{published:%Y}"),
        ("DA", f"{published:%Y/%m/%d}"),
        ("AB", read_abstract(paper).text),
        ("DO", paper.doi or ""),
        ("UR", url),
        ("N1", build_note(paper)),
        ("ER", ""),
    ]
    return "".join(
        f"{tag}  - {line}\r\n" for tag, value in lines if (line := to_plain_text(value)) or tag == "ER"
    )
