"""Reduces text from outside to plain lines and paragraphs.

These are pure functions, and none of them raises an error for any text.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

# Characters that are invisible or change the direction of text: controls, surrogates, direction marks, tags
# and those that XML forbids. The joiners U+200C and U+200D are not among them, since Persian and emoji need
# them.
INVISIBLE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ufffe\uffff\ud800-\udfff\U000e0000-\U000e007f]"
)
BLANK_LINE: Final = re.compile(r"(?:\r\n?|\n)[^\S\r\n]*(?:\r\n?|\n)\s*")


def to_plain_text(text: str) -> str:
    """Reduce a text to one line without control characters, for titles and names."""
    visible = INVISIBLE.sub("", " ".join(text.split()))
    return " ".join(unicodedata.normalize("NFC", visible).split())


def to_plain_paragraphs(text: str) -> str:
    """Reduce each paragraph to one line, for abstracts. One blank line separates paragraphs."""
    return "\n\n".join(filter(None, map(to_plain_text, BLANK_LINE.split(text))))
