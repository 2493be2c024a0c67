"""Marks words in HTML that is already safe. Only text outside of tags and formulas changes."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Final

from markupsafe import Markup

from paperround.text.words import WORD, split_words

PART: Final = re.compile(r"(?P<math><math\b.*?</math>)|(?P<tag><[^>]*>)|(?P<entity>&[#\w]+;)", re.S)
# Splits a text into words, with the signs that belong to them (C++, C#, A*), and what lies between.
BETWEEN: Final = re.compile(
    rf"((?:(?<![\w.)])\.(?=[^\W\d_]{{2,}}(?!\w)))?{WORD.pattern}(?:\+\+|[#*](?!\w))?)"
)


class Highlighter:
    """Puts <mark> around every word whose folded form is in `words`."""

    def __init__(self, words: Collection[str]) -> None:
        self._becomes = _Becomes(words)

    def __call__(self, html: Markup) -> Markup:
        return Markup("".join(self._split_html(str(html))))  # noqa: S704 - safe as it came; only <mark> is added

    def _split_html(self, html: str) -> Iterator[str]:
        start = 0
        for apart in PART.finditer(html):
            yield self._highlight_text(html[start : apart.start()])
            yield apart[0]
            start = apart.end()
        yield self._highlight_text(html[start:])

    def _highlight_text(self, text: str) -> str:
        parts = BETWEEN.split(text)
        parts[1::2] = [self._becomes[word] for word in parts[1::2]]
        return "".join(parts)


class _Becomes(dict[str, str]):
    """A cache from a word as it is written to its replacement."""

    def __init__(self, words: Collection[str]) -> None:
        super().__init__()
        self._words = frozenset(words)

    def __missing__(self, word: str) -> str:
        is_marked = not self._words.isdisjoint(split_words(word))
        self[word] = f"<mark>{word}</mark>" if is_marked else word
        return self[word]
