"""One and many of an English word are the same word. Pure."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from paperround.topics.model.phrases import split_content_words

MIN_PLURAL_LENGTH: Final = 4  # letters; shorter words, such as "gas", stay as they are
PLURALS_IN_ES: Final = ("sses", "xes", "ches", "shes", "zes")


@lru_cache(maxsize=100_000)
def fold_plural(word: str) -> str:
    """Bring an English plural to its singular, or to something that both have in common."""
    if len(word) < MIN_PLURAL_LENGTH or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies") and len(word) > MIN_PLURAL_LENGTH:
        return f"{word[:-3]}y"
    return word[:-2] if word.endswith(PLURALS_IN_ES) else word[:-1]


def fold_phrase(text: str) -> str:
    """Fold a text's content words, joined by single spaces."""
    return " ".join(map(fold_plural, split_content_words(text)))
