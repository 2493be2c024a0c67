"""Reads the text of BibTeX's fields, in which braces protect capitals and group what belongs together."""

from __future__ import annotations

import re
from typing import Final

from paperround.text.markup import render_unicode

PROTECTING_BRACES: Final = re.compile(r"(?<![^\s({$\-/:~–—}])\{([^{}\\]*)\}")
BRACES_OF_TEXT: Final = str.maketrans({"\ue0fa": "{", "\ue0fb": "}"})  # characters of nobody's stand for them


def read_tex(text: str) -> str:
    """Read a field as plain text.

    Braces that only protect capitals go first, since others belong to TeX. Those that are text stay.
    """
    text = text.replace(r"\textbraceleft{}", "\ue0fa").replace(r"\textbraceright{}", "\ue0fb")
    previous = ""
    while text != previous:
        text, previous = PROTECTING_BRACES.sub(r"\1", text), text
    return render_unicode(text).replace("{", "").replace("}", "").translate(BRACES_OF_TEXT)


def find_closing_brace(text: str) -> int:
    """Find the brace that closes the first one. -1 if none does."""
    depth = 0
    for place, sign in enumerate(text):
        depth += (sign == "{") - (sign == "}")
        if depth == 0:
            return place
    return -1


def is_grouped(text: str) -> bool:
    """Tell whether a text is wholly in braces that are there to group it."""
    return text.startswith("{") and not text.startswith("{\\") and find_closing_brace(text) == len(text) - 1
