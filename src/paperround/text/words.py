"""Splits texts into words as search and topics compare them: folded and without signs.

These are pure functions.
"""

from __future__ import annotations

import re
from typing import Final

from paperround.text.accents import fold_accents

MAX_TEXT_LENGTH: Final = 50_000  # characters; the rest of a longer text is ignored
WORD: Final = re.compile(r"[^\W_]+(?:\.[0-9]+)*")


def split_words(text: str) -> list[str]:
    """Split a text into folded words.

    PostgreSQL would take `-4` in `GPT-4` for a number and `a/b` for a path.
    """
    return WORD.findall(fold_accents(text[:MAX_TEXT_LENGTH]))


def normalise_words(text: str) -> str:
    """Fold a text and join its words with single spaces."""
    return " ".join(split_words(text))
