"""Formulas don't go through a translator: marks stand for them, and they are put back into its answer."""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

from paperround.text.reading import PlacedFormula, Reading

MARK: Final = re.compile(r"⟦(\d{1,4})⟧")
BRACKETS: Final = str.maketrans("⟦⟧", "[]")


def hold_formulas(reading: Reading) -> str:
    """Return the text with a mark such as ⟦1⟧ in the place of each formula."""
    pieces, number = [], 0
    for piece in reading.split():
        if isinstance(piece, str):
            pieces.append(piece.translate(BRACKETS))
        else:
            number += 1
            pieces.append(f"⟦{number}⟧")
    return "".join(pieces)


def has_all_formulas(answer: str, held: str) -> bool:
    """Tell whether an answer has each mark as often as what was sent, and no other one."""
    return Counter(MARK.findall(answer)) == Counter(MARK.findall(held)) and not set("⟦⟧") & set(
        MARK.sub("", answer)
    )


def put_formulas_back(content: str, reading: Reading) -> Reading:
    """Return the translated text with the formulas of `reading` in the places of their marks."""
    text, placed, position = "", [], 0
    for mark in MARK.finditer(content):
        text += content[position : mark.start()]
        position = mark.end()
        number = int(mark[1])
        if 0 < number <= len(reading.formulas):
            formula = reading.formulas[number - 1]
            shown = reading.text[formula.start : formula.end]
            placed.append(PlacedFormula(len(text), len(text) + len(shown), formula.latex, formula.mathml))
            text += shown
    return Reading(text + content[position:], tuple(placed))
