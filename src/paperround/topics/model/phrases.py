"""A text as phrases of one to three words, the way every part of matching reads it. Pure."""

from __future__ import annotations

import re
from typing import Final

from paperround.text.markup import folded
from paperround.topics.model.stop_words import STOP_WORDS

LONGEST: Final = 3  # words of a phrase
MOST_CHARACTERS: Final = 20_000  # of a text that are read
WORD: Final = re.compile(r"\w\w+")


def words_of(text: str) -> list[str]:
    """Folded words of two letters or more, in order, without those that say nothing."""
    return [word for word in WORD.findall(folded(text[:MOST_CHARACTERS])) if word not in STOP_WORDS]


def phrases_of(text: str) -> list[str]:
    """Every run of one to three words, as often as it stands there; stop words don't interrupt a run."""
    words = words_of(text)
    return [
        " ".join(words[start : start + length])
        for length in range(1, LONGEST + 1)
        for start in range(len(words) - length + 1)
    ]
