"""Keeps pages small: shortens HTML that is already safe, and shares the room of a page among its papers.

These are pure functions. Sizes are in bytes of UTF-8.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from markupsafe import Markup

ELLIPSIS: Final = "…"
PARAGRAPH_MARKUP: Final = 40  # of the element around a paragraph
# What is left out or kept as a whole: a formula, a link, a marked word, an entity, a word. A word may be cut.
PIECE: Final = re.compile(r"<(math|a|mark)\b.*?</\1>|<[^>]*>|&[#\w]+;|[^\s<&]+|\s+|[<&]", re.DOTALL)


def measure(text: str) -> int:
    return len(text.encode())


def shorten_text(text: str, max_bytes: int) -> str:
    """Cut a text between two characters. What is cut ends in `…`."""
    if measure(text) <= max_bytes:
        return text
    return text.encode()[: max(max_bytes - measure(ELLIPSIS), 0)].decode(errors="ignore") + ELLIPSIS


def shorten_html(html: Markup, max_bytes: int) -> Markup:
    """Cut HTML between two words or formulas. What is cut ends in `…`."""
    if measure(html) <= max_bytes:
        return html
    left = max_bytes - measure(ELLIPSIS)
    kept: list[str] = []
    for piece in PIECE.finditer(str(html)):
        left -= measure(piece[0])
        if left < 0:
            if not kept and piece[0][0] not in "<&":
                room = max(max_bytes - measure(ELLIPSIS), 0)
                kept.append(piece[0].encode()[:room].decode(errors="ignore"))
            break
        kept.append(piece[0])
    return Markup("".join(kept).rstrip() + ELLIPSIS)  # noqa: S704 - whole pieces of what was safe


def measure_paragraphs(paragraphs: Sequence[Markup]) -> int:
    return sum(measure(paragraph) + PARAGRAPH_MARKUP for paragraph in paragraphs)


def shorten_paragraphs(paragraphs: Sequence[Markup], max_bytes: int) -> list[Markup]:
    """Cut paragraphs to a size together. Those beyond it are left out."""
    return [*_shorten_paragraphs(tuple(paragraphs), max_bytes)]


@lru_cache(maxsize=500)
def _shorten_paragraphs(paragraphs: tuple[Markup, ...], max_bytes: int) -> tuple[Markup, ...]:
    kept: list[Markup] = []
    left = max_bytes
    for paragraph in paragraphs:
        if kept and left <= PARAGRAPH_MARKUP:
            break
        kept.append(shorten_html(paragraph, left - PARAGRAPH_MARKUP))
        left -= measure(paragraph) + PARAGRAPH_MARKUP
    return tuple(kept)


def share_room(sizes: Sequence[int], room: int) -> int:
    """Return the largest size at which all fit into the room once the larger ones are cut to it."""
    left = room
    for place, size in enumerate(sorted(sizes)):
        share = left // (len(sizes) - place)
        if size > share:
            return max(share, 0)
        left -= size
    return max(sizes, default=0)
