"""Suggests another spelling for words that no paper has: "did you mean …"."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import Any, Final

from sqlalchemy import bindparam, cast, select, text
from sqlalchemy.dialects.postgresql import TSQUERY

from paperround.database import ReadSession
from paperround.papers.tables import ABSTRACT_TEXT, TITLE_TEXT, Paper
from paperround.search.analysis import AnalyzedQuery
from paperround.search.query_syntax import ParsedQuery
from paperround.text.words import normalise_words, split_words

MIN_WORD_LENGTH: Final = 4
LONG_WORD_LENGTH: Final = 7  # from which on two letters may be wrong
MAX_UNKNOWN_WORDS: Final = 3

UNKNOWN_STEMS: Final = text("""
    SELECT word, lexeme FROM unnest(CAST(:words AS text[])) AS word, unnest(to_tsvector('english', word))
    WHERE NOT EXISTS (SELECT FROM lexemes WHERE lexemes.lexeme = unnest.lexeme)
""")
STEMS_OF_LENGTH: Final = text("""
    SELECT lexeme, documents FROM lexemes
    WHERE length(lexeme) BETWEEN :shortest AND :longest AND NOT starts_with(lexeme, '=')
""")
TEXTS_WITH_STEM: Final = (
    select(TITLE_TEXT + " " + ABSTRACT_TEXT)
    .where(Paper.search.bool_op("@@")(cast(bindparam("lexeme"), TSQUERY)))
    .limit(20)
)
WORDS_OF_STEM: Final = text("""
    SELECT word FROM unnest(CAST(:words AS text[])) AS word
    WHERE :lexeme = ANY(tsvector_to_array(to_tsvector('english', word)))
""")


async def suggest_spelling(session: ReadSession, query: ParsedQuery, analyzed: AnalyzedQuery) -> str | None:
    """Suggest the query with the words of the catalogue in place of those that no paper has.

    None if every word is known, or nothing is near enough. One wrong letter is allowed, and two in a long
    word; letters that changed places count as one.
    """
    words = [term.surface.strip() for term in analyzed.typed_terms if term.document_frequency <= 1]
    likely = [word for word in words if len(word) >= MIN_WORD_LENGTH and word.isalpha()]
    if not likely or len(likely) > MAX_UNKNOWN_WORDS:
        return None
    suggestion = query.text
    for word, stem in (await session.execute(UNKNOWN_STEMS, {"words": likely})).all():
        nearest = await _find_nearest_stem(session, stem)
        spelled = await _find_word(session, nearest, like=word) if nearest else None
        if spelled is None:
            return None
        suggestion = _replace_word(suggestion, word, spelled)
    return suggestion if normalise_words(suggestion) != normalise_words(query.text) else None


async def _find_nearest_stem(session: ReadSession, stem: str) -> str | None:
    """Find the stem with the fewest wrong letters; of several one with the same beginning, in most papers."""
    allowed = 2 if len(stem) >= LONG_WORD_LENGTH else 1
    lengths = {"shortest": len(stem) - allowed, "longest": len(stem) + allowed}
    best: tuple[Any, ...] | None = None
    count_edits = _find_distance()
    for lexeme, documents in (await session.execute(STEMS_OF_LENGTH, lengths)).all():
        distance = count_edits(stem, lexeme, score_cutoff=allowed)
        if distance <= allowed and lexeme.isalpha():
            candidate = (distance, lexeme[0] != stem[0], -documents, lexeme)
            best = candidate if best is None else min(best, candidate)
    return str(best[-1]) if best else None


async def _find_word(session: ReadSession, stem: str, *, like: str) -> str | None:
    """Find the word with a stem that is most like another one, and of several the most frequent."""
    texts = (await session.scalars(TEXTS_WITH_STEM, {"lexeme": f"'{stem}'"})).all()
    counts = Counter(word for each in texts for word in split_words(each) if word[0] == stem[0])
    words = await session.scalars(WORDS_OF_STEM, {"words": sorted(counts), "lexeme": stem})
    count_edits = _find_distance()
    return min(words, key=lambda word: (count_edits(word, like), -counts[word], word), default=None)


@cache
def _find_distance() -> Callable[..., int]:
    """Return what counts the letters by which two words differ. It is loaded by the first misspelt word."""
    from rapidfuzz.distance import OSA

    return OSA.distance


def _replace_word(text_: str, word: str, other: str) -> str:
    """Replace a word, however it was typed."""
    parts = re.split(r"(\w+)", text_)
    return "".join(other if normalise_words(part) == word else part for part in parts)
