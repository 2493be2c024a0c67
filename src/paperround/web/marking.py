"""Marking words in HTML that was made safe before. Only text outside of tags and formulas changes."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Final

from markupsafe import Markup

from paperround.papers.words import searchable

PART: Final = re.compile(r"(?P<math><math\b.*?</math>)|(?P<tag><[^>]*>)|(?P<entity>&[#\w]+;)", re.S)
WORD: Final = re.compile(r"[^\W_]+(?:\.[0-9]+)*")


def marked(html: Markup, words: Collection[str]) -> Markup:
    """`html` with every word whose folded form is in `words` inside of <mark>."""
    return Markup("".join(_parts(str(html), words)))  # noqa: S704 - safe as it came; only <mark> is added


def _parts(html: str, words: Collection[str]) -> Iterator[str]:
    def mark(found: re.Match[str]) -> str:
        return f"<mark>{found[0]}</mark>" if searchable(found[0]) in words else found[0]

    start = 0
    for apart in PART.finditer(html):
        yield WORD.sub(mark, html[start : apart.start()])
        yield apart[0]
        start = apart.end()
    yield WORD.sub(mark, html[start:])
