"""Writes a feed as Atom (RFC 4287), as one string. docs/decisions says why no library does."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from markupsafe import escape

from paperround import __version__
from paperround.kept_parts import KeptParts
from paperround.papers.rows import PaperRow
from paperround.text.plain import to_plain_text
from paperround.text.reading import FormulaBudget, page_budget
from paperround.web.syndication.document import FeedDocument, NotedEntry, entry_key, read_entry

MEDIA_TYPE: Final = "application/atom+xml"
# Characters that XML 1.0 has no way to write.
FORBIDDEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

MAX_KEPT: Final = 3_000_000  # characters
_kept: Final[KeptParts[str]] = KeptParts(MAX_KEPT)


def write_atom(feed: FeedDocument) -> bytes:
    """Write the document, in UTF-8."""
    budget = page_budget()
    entries = "".join([_find_or_write_entry(feed, paper, budget) for paper in feed.papers])
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">'
        f"<id>{_write(feed.address)}</id><title>{_write(to_plain_text(feed.title))}</title>"
        f"<updated>{feed.updated.isoformat()}</updated>"
        f"<author><name>{_write(to_plain_text(feed.site))}</name></author>"
        f'<link href="{_write(feed.address)}" rel="self" type="{MEDIA_TYPE}"/>'
        f'<link href="{_write(feed.page)}" rel="alternate" type="text/html"/>'
        f'<generator version="{_write(__version__)}">Paperround</generator>'
        f"<icon>{_write(feed.base)}/static/favicon.svg</icon>{entries}</feed>"
    ).encode()


def _find_or_write_entry(feed: FeedDocument, paper: PaperRow, budget: FormulaBudget) -> str:
    """Return a paper's entry. It is kept, unless the paper isn't read yet."""
    note = feed.notes.get(paper.id, "")
    key = (feed.base, note, *entry_key(paper)) if paper.is_read else None
    return _kept.find_or_make(
        key, lambda: _write_entry(feed.base, NotedEntry(read_entry(paper, budget), note))
    )


def _write_entry(base: str, noted: NotedEntry) -> str:
    entry, page = noted.entry, _write(base + noted.entry.path)
    summary = "\n\n".join(filter(None, (noted.note, entry.lead, entry.abstract)))
    authors = _write_each("<author><name>", entry.authors, "</name></author>")
    categories = _write_each('<category term="', entry.tags, '"/>')
    return (
        f"<entry><id>{page}</id><title>{_write(entry.title)}</title>"
        f"<updated>{entry.changed.isoformat()}</updated>"
        f'{authors}<link href="{page}" rel="alternate" type="text/html"/>'
        f"<summary>{_write(summary)}</summary>{categories}"
        f"<published>{entry.published.isoformat()}</published></entry>"
    )


def _write_each(before: str, texts: Sequence[str], after: str) -> str:
    """Write lines of text, each within the same markup. All are escaped in one go."""
    return before + _write("\n".join(texts)).replace("\n", after + before) + after if texts else ""


def _write(text: str) -> str:
    """Write a text as the content of an element or an attribute. What XML forbids is left out."""
    # A bare carriage return would be read as a line feed.
    return str(escape(FORBIDDEN.sub("", text))).replace("\r", "&#13;")
