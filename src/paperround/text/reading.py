r"""Reads a title or an abstract once: its LaTeX becomes plain text, and its formulas MathML.

A reading is plain Unicode text in NFC, in which each formula stands as a line of Unicode, and a list of these
formulas with their places, their LaTeX and their MathML. So whoever needs text takes the text, a page puts
MathML in the places of the formulas, and a bibliography their LaTeX.

These are pure functions, and none of them raises an error for any text.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from paperround.text.latex_commands import read_prose
from paperround.text.latex_pieces import Formula, Piece
from paperround.text.plain import to_plain_paragraphs

MAX_LATEX_LENGTH: Final = 10_000  # a longer text is no abstract; its LaTeX is not read, to bound the time
MAX_FORMULAS_IN_TEXT: Final = 3_000  # characters of LaTeX; abstracts seldom have more than 300
MAX_FORMULAS_ON_PAGE: Final = 6_000
FORMULA_COST: Final = 20  # characters: what a formula costs besides its length
MAX_MATHML: Final = 40_000  # characters, in one text
PARAGRAPH_BREAK: Final = "\n\n"


class PlacedFormula(NamedTuple):
    """A formula, and where its line of Unicode stands in the text of a reading."""

    start: int
    end: int
    latex: str
    mathml: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What a title or an abstract says: plain text, and the formulas in it in their order."""

    text: str
    formulas: tuple[PlacedFormula, ...] = ()

    def split(self) -> Iterator[str | PlacedFormula]:
        """Yield the text around the formulas, and the formulas, in turn."""
        position = 0
        for formula in self.formulas:
            yield self.text[position : formula.start]
            yield formula
            position = formula.end
        yield self.text[position:]

    def paragraphs(self) -> list[Reading]:
        """Split at blank lines. A formula never reaches over one."""
        found, start = [], 0
        for text in self.text.split(PARAGRAPH_BREAK):
            end = start + len(text)
            found.append(self.cut(start, end))
            start = end + len(PARAGRAPH_BREAK)
        return found

    def cut(self, start: int, end: int) -> Reading:
        """Return what stands between two places of the text, with the formulas that lie wholly within."""
        inside = (f for f in self.formulas if start <= f.start and f.end <= end)
        moved = tuple(f._replace(start=f.start - start, end=f.end - start) for f in inside)
        return Reading(self.text[start:end], moved)


class FormulaBudget:
    """How many formulas are rendered, in one text or, with `page`, in all texts of a page together.

    Rendering takes about 0.1 ms for a character of LaTeX, and as much for a formula as for 20 more. Once a
    formula is past the budget, it and those after it stay as they were written.
    """

    def __init__(
        self,
        characters: int = MAX_FORMULAS_IN_TEXT,
        page: FormulaBudget | None = None,
    ) -> None:
        self._left = characters
        self._mathml_left = MAX_MATHML
        self._page = page

    def take(self, latex: str) -> bool:
        """Take what rendering this formula costs. Returns False if that is more than is left."""
        self._left -= len(latex) + FORMULA_COST
        return self._left >= 0 and (self._page is None or self._page.take(latex))

    def render(self, latex: str, block: bool) -> Formula | None:
        """Render a formula if the budget allows it."""
        if not self.take(latex):
            return None
        from paperround.text.mathml import render_formula  # megabytes; stored formulas are rendered already

        formula = render_formula(latex, block)
        if formula is None or len(formula.mathml) > self._mathml_left:
            return None
        self._mathml_left -= len(formula.mathml)
        return formula


def page_budget() -> FormulaBudget:
    """Make the budget that the texts of one page or document share while they are not yet stored."""
    return FormulaBudget(MAX_FORMULAS_ON_PAGE)


def read_latex(source: str, page: FormulaBudget | None = None) -> Reading:
    """Read a title or an abstract. One blank line separates paragraphs."""
    plain = to_plain_paragraphs(source)
    if len(plain) > MAX_LATEX_LENGTH:
        return Reading(plain)
    budget = FormulaBudget(page=page)
    pieces: list[Piece] = []
    for paragraph in plain.split(PARAGRAPH_BREAK):
        read = read_prose(paragraph, budget.render)
        if read and pieces:
            pieces.append(PARAGRAPH_BREAK)
        pieces += read
    return _place(pieces)


def _place(pieces: list[Piece]) -> Reading:
    """Put the pieces together, the formulas as lines of Unicode. The whole is in NFC."""
    text, formulas = "", []
    for piece in pieces:
        if isinstance(piece, str):
            text = unicodedata.normalize("NFC", text + piece) if not piece.isascii() else text + piece
            continue
        formulas.append(PlacedFormula(len(text), len(text) + len(piece.line), piece.latex, piece.mathml))
        text += piece.line
    return Reading(text, tuple(formulas))
