"""Short names of papers. Pure."""

from __future__ import annotations

from typing import Final

MAX_NAME_LENGTH: Final = 40  # characters that stand before a colon and name the paper
MAX_SHORT_TITLE_LENGTH: Final = 80


def shorten_title(title: str) -> str:
    """Shorten a title to the name before its colon, if there is one, else to some words.

    A title with formulas stays whole, for a piece of one can't be read.
    """
    name, colon, _ = title.partition(":")
    if colon and 1 < len(name.strip()) <= MAX_NAME_LENGTH and "$" not in name:
        return name.strip()
    if len(title) <= MAX_SHORT_TITLE_LENGTH or "$" in title:
        return title
    cut = title[: MAX_SHORT_TITLE_LENGTH - 1]
    return (cut.rpartition(" ")[0] or cut).rstrip(" ,;:.") + "…"
