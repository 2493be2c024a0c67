"""Folds texts into the form in which words are compared and searched. These are pure functions."""

from __future__ import annotations

import re
import unicodedata

LATIN = re.compile("[a-z][\u0300-\u036f]+|[\u00c0-\u024f\u1e00-\u1eff\ufb00-\ufb06][\u0300-\u036f]*")
UNFOLDABLE = {
    "ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "ħ": "h", "ı": "i", "þ": "th",
    "ŋ": "n", "ŧ": "t",
}  # fmt: skip


def fold_accents(text: str) -> str:
    """Lower-case a text and remove Latin accents. Other scripts keep theirs, since they distinguish words."""
    lower = unicodedata.normalize("NFC", text.lower())
    return lower if lower.isascii() else LATIN.sub(_remove_accents, lower)


def _remove_accents(letter: re.Match[str]) -> str:
    decomposed = unicodedata.normalize("NFKD", letter[0])
    return "".join(UNFOLDABLE.get(c, c) for c in decomposed if not unicodedata.combining(c))
