"""Parses what is typed in the search box: words, "phrases", -exclusions, or. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from paperround.text.accents import fold_accents
from paperround.text.markup import to_plain_text
from paperround.text.words import normalise_words

MAX_QUERY_LENGTH: Final = 500  # characters; the rest is ignored

# Turns punctuation into spaces in UTF-8, where other characters have no byte below 128. It is many times as
# fast as `str.translate`.
PUNCTUATION_TO_SPACE: Final = bytes(code if code > 127 or chr(code).isalnum() else 32 for code in range(256))
QUERY_PART: Final = re.compile(r'(?P<not>(?<!\S)-(?=[\w"]))?(?:"(?P<phrase>[^"]*)"?|(?P<word>[^\s"]+))')


@dataclass(frozen=True)
class ParsedQuery:
    """`websearch`, `phrases` and `exclusions` are in the syntax of PostgreSQL's websearch_to_tsquery."""

    text: str
    words: str  # all words to search for, folded, without punctuation
    websearch: str
    phrases: str
    exclusions: str
    is_disjunctive: bool  # the query contains `or`


def parse_query(value: str) -> ParsedQuery:
    """Parse a query. This never fails; anything that can't be a word is left out."""
    text = to_plain_text(value[: 4 * MAX_QUERY_LENGTH].encode("utf-8", "ignore").decode())[
        :MAX_QUERY_LENGTH
    ].strip()
    words, websearch, phrases, exclusions = [], [], [], []
    for part in QUERY_PART.finditer(text):
        normalized = normalise_words(part["phrase"] if part["phrase"] is not None else part["word"])
        if not normalized:
            continue
        if part["not"]:
            exclusions.append(f'-"{normalized}"')
        elif part["phrase"] is not None:
            words.append(normalized)
            phrases.append(f'"{normalized}"')
            websearch.append(f'"{normalized}"')
        elif normalized == "or":
            websearch.append(normalized)
        else:  # `and/or` is no operator
            words += (plain_words := [word for word in normalized.split() if word != "or"])
            websearch += plain_words
    is_disjunctive = "or" in websearch
    return ParsedQuery(
        text=text,
        words=" ".join(words),
        websearch=" ".join(websearch),
        phrases="" if is_disjunctive else " ".join(phrases),
        exclusions=" ".join(exclusions),
        is_disjunctive=is_disjunctive,
    )


def normalize_text(text: str) -> str:
    """Fold a text and separate its words by single spaces, so that `in` and `count` find whole words."""
    return f" {fold_accents(text).encode().translate(PUNCTUATION_TO_SPACE).decode()} "


def text_to_encode(query: ParsedQuery) -> str:
    """The text to encode: the query as typed, without its exclusions."""
    return query.words if query.exclusions else query.text
