"""Reads the authors of an entry, as each format writes them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from paperround.text.person_name import PersonName, split_name
from paperround.text.plain import to_plain_text
from paperround.topics.references.tex import is_grouped, read_tex

MAX_AUTHORS: Final = 1000
MAX_AUTHORS_LENGTH: Final = 60_000  # characters of all names together
AND_OR_BRACE: Final = re.compile(r"[{}]|\sand\s", re.I)
OTHERS: Final = re.compile(r"others|et al\.?", re.I)


def read_bibtex_authors(text: str) -> list[PersonName]:
    """Read names that `and` separates outside of braces. A name that is wholly in braces stays whole."""
    names = [_read_bibtex_name(part.strip()) for part in _split_at_and(text[:MAX_AUTHORS_LENGTH])]
    return [name for name in names[:MAX_AUTHORS] if name]


def read_listed_authors(values: Sequence[str]) -> list[PersonName]:
    """Read names of which each is a value of its own, or that semicolons separate."""
    texts = (part for value in values for part in value[:MAX_AUTHORS_LENGTH].split(";"))
    names = (split_name(to_plain_text(text)) for text in texts if not OTHERS.fullmatch(text.strip()))
    return [name for name in names if name][:MAX_AUTHORS]


def _split_at_and(text: str) -> Iterator[str]:
    depth = start = 0
    for match in AND_OR_BRACE.finditer(text):
        if match[0] in "{}":
            depth += 1 if match[0] == "{" else -1
        elif depth == 0:
            yield text[start : match.start()]
            start = match.end()
    yield text[start:]


def _read_bibtex_name(text: str) -> PersonName | None:
    if OTHERS.fullmatch(text):
        return None
    plain = to_plain_text(read_tex(text))
    if is_grouped(text):
        return PersonName(literal=plain) if plain else None
    return split_name(plain)
