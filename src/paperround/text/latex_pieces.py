"""What reading LaTeX works on: commands and arguments in the source, texts and formulas in the result."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

ESCAPED: Final = re.compile(r"\\([_#%&~$])(?:\{\})?")


class Formula(NamedTuple):
    """A formula that was read: its LaTeX, its MathML, and the line of Unicode that stands for it."""

    latex: str
    mathml: str
    line: str


class Command(NamedTuple):
    """A command in the source: its name without backslash, where it starts and where the name ends."""

    name: str
    start: int
    stop: int


class Argument(NamedTuple):
    """What stands between the braces of an argument, and where the text goes on after them."""

    start: int
    end: int

    @property
    def after(self) -> int:
        """The position after the closing brace."""
        return self.end + 1


Piece = str | Formula
RenderFormula = Callable[[str, bool], Formula | None]


def match_braces(source: str) -> dict[int, int]:
    """Map the position of each opening brace to that of the one that closes it."""
    pairs: dict[int, int] = {}
    waiting: list[int] = []
    for brace in re.finditer(r"\\.|[{}]", source):
        if brace[0] == "{":
            waiting.append(brace.start())
        elif brace[0] == "}" and waiting:
            pairs[waiting.pop()] = brace.start()
    return pairs


def to_line(pieces: list[Piece]) -> str:
    """Write pieces as plain text."""
    return "".join(piece if isinstance(piece, str) else piece.line for piece in pieces)


def unescape_address(address: str) -> str:
    r"""Unescape the signs of a URL, such as `\_`."""
    return ESCAPED.sub(r"\1", address)
