"""Parses what is typed in the search box: words, "phrases", -exclusions, or. These are pure functions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from paperround.text.names import NameQuery, parse_name_query
from paperround.text.plain import to_plain_text
from paperround.text.words import (
    fold_text,
    list_spelling_variants,
    normalise_words,
    split_words,
    unify_characters,
)

MAX_QUERY_LENGTH: Final = 500  # characters; the rest is ignored
MAX_WORDS: Final = 100

# Turns punctuation into spaces in UTF-8, where other characters have no byte below 128. It is many times as
# fast as `str.translate`.
PUNCTUATION_TO_SPACE: Final = bytes(code if code > 127 or chr(code).isalnum() else 32 for code in range(256))
QUERY_PART: Final = re.compile(r'(?P<not>(?<!\S)-(?=[\w".]))?(?:"(?P<phrase>[^"]*)"?|(?P<word>[^\s"]+))')
STARRED: Final = re.compile(r"([^\W\d_]{2,5})\*", re.ASCII)
LATIN_OR_GREEK: Final = re.compile("[\u0000-\u024f\u0370-\u03ff\u1e00-\u1fff]")


@dataclass(frozen=True)
class Word:
    """One typed word. A paper has it if it has the words of one of its `spellings` side by side.

    `clause` counts the parts that `or` separates, from 0.
    """

    clause: int
    spellings: tuple[str, ...]


@dataclass(frozen=True)
class ParsedQuery:
    """`phrases` and `exclusions` are in the syntax of PostgreSQL's websearch_to_tsquery."""

    text: str
    words: str  # all words to search for, folded, without punctuation
    parts: Sequence[Word] = ()
    variants: tuple[str, ...] = ()  # other spellings of `words`, none of which is among them
    phrases: str = ""
    phrase_texts: tuple[str, ...] = ()  # each phrase's words, between spaces; a paper must have them just so
    exclusions: str = ""
    excluded_phrases: tuple[str, ...] = ()  # as `phrase_texts`, of papers that are left out
    name: NameQuery | None = None  # the query as the name of a person
    as_typed: Mapping[str, str] = field(default_factory=dict)  # a word → how it was typed, where that differs

    @property
    def is_disjunctive(self) -> bool:
        """Whether the query contains `or`."""
        return bool(self.parts) and self.parts[-1].clause > 0


def parse_query(value: str) -> ParsedQuery:
    """Parse a query. This never fails; anything that can't be a word is left out."""
    text = to_plain_text(value[: 4 * MAX_QUERY_LENGTH].encode("utf-8", "ignore").decode())[
        :MAX_QUERY_LENGTH
    ].strip()
    builder = _QueryBuilder()
    for part in QUERY_PART.finditer(unify_characters(text)):
        if part["not"]:
            builder.exclude(part["phrase"] if part["phrase"] is not None else part["word"])
        elif part["phrase"] is not None:
            builder.add_phrase(part["phrase"])
        else:
            builder.add_word(part["word"])
    return builder.build(text)


class _QueryBuilder:
    """Collects the parts of a query in the order in which they were typed."""

    def __init__(self) -> None:
        self.clause = 0
        self.words: list[str] = []
        self.parts: list[Word] = []
        self.variants: list[str] = []
        self.phrases: list[str] = []
        self.exclusions: list[str] = []
        self.excluded_phrases: list[str] = []
        self.as_typed: dict[str, str] = {}
        self.follows_or = False

    def exclude(self, typed: str) -> None:
        normalized = normalise_words(typed)
        if " " in normalized:
            self.excluded_phrases.append(normalized)
        elif normalized:
            self.exclusions.append(normalized)

    def add_phrase(self, typed: str) -> None:
        if normalized := normalise_words(typed):
            self.phrases.append(normalized)
            self._add(typed, (normalized,))

    def add_word(self, typed: str) -> None:
        if typed.casefold() == "or":
            self.follows_or = bool(self.parts)
            return
        if starred := STARRED.fullmatch(typed):
            self._add(typed, (f"{starred[1].lower()}star", starred[1].lower()))
            return
        normalized = normalise_words(typed)
        if normalized:
            self._add(typed, (normalized, *list_spelling_variants(typed)))

    def _add(self, typed: str, spellings: tuple[str, ...]) -> None:
        if len(self.words) >= MAX_WORDS:
            return
        if self.follows_or:
            self.clause, self.follows_or = self.clause + 1, False
        words = spellings[0].split()
        self.words += words
        self.variants += [word for spelling in spellings[1:] for word in spelling.split()]
        self.parts.append(Word(self.clause, tuple(dict.fromkeys(spellings))))
        shown = typed.strip(',;:?!()[]{}"')
        for spelling in spellings:
            if len(words) == 1 and " " not in spelling and spelling != shown.casefold():
                self.as_typed.setdefault(spelling, shown)

    def build(self, text: str) -> ParsedQuery:
        may_be_name = not (self.exclusions or self.excluded_phrases or self.clause)
        phrases = () if self.clause else tuple(self.phrases)
        return ParsedQuery(
            text=text,
            words=" ".join(self.words),
            parts=self.parts,
            variants=tuple(dict.fromkeys(word for word in self.variants if word not in self.words)),
            phrases=" ".join(f'"{phrase}"' for phrase in phrases),
            phrase_texts=tuple(f" {phrase} " for phrase in phrases),
            exclusions=" ".join(f'-"{excluded}"' for excluded in self.exclusions),
            excluded_phrases=tuple(f" {phrase} " for phrase in self.excluded_phrases),
            name=parse_name_query(text.replace('"', " ")) if may_be_name else None,
            as_typed=self.as_typed,
        )


def normalize_text(text: str) -> str:
    """Fold a text and separate its words by single spaces, so that `in` and `count` find whole words."""
    return f" {fold_text(text).encode().translate(PUNCTUATION_TO_SPACE).decode()} "


def has_phrase(text: str, phrase: str) -> bool:
    """Tell whether a text has the words of a phrase, one of `ParsedQuery.phrase_texts`, side by side."""
    return phrase in f" {' '.join(split_words(text))} "


def is_foreign_script(query: ParsedQuery) -> bool:
    """Tell whether no letter of the query is Latin or Greek, the scripts that papers are written in here."""
    letters = [character for character in query.words if character.isalpha()]
    return bool(letters) and not any(LATIN_OR_GREEK.match(letter) for letter in letters)


def text_to_encode(query: ParsedQuery) -> str:
    """Return the text to encode: the query as typed, without its exclusions."""
    return query.words if query.exclusions or query.excluded_phrases else query.text
