"""Renders the MathML of a formula as one line of Unicode, for mail, search and other places without HTML."""

from __future__ import annotations

import re
import unicodedata
from typing import Final
from xml.etree.ElementTree import Element

RELATIONS: Final = frozenset("=<>≤≥≈≠≡∝∈∉→←⇒⇐≪≫≔≜∼≃≅⊂⊆⊃⊇↦↔⇔⟶⟵⟹⟺⟸≲≳≺≻≢≮≯≰≱⊄⊈⊅∌≁≇≉")
# Marks over one letter, as a combining character; over more letters each gets the mark.
ACCENTS: Final = {
    "^": "\u0302", "~": "\u0303", "¯": "\u0304", "→": "\u20d7", "˙": "\u0307", "¨": "\u0308", "ˇ": "\u030c",
    "´": "\u0301", "`": "\u0300", "˘": "\u0306", "˚": "\u030a", "⃛": "\u20db", "←": "\u20d6", "―": "\u0305",
    "‾": "\u0305", "_": "\u0332", "↔": "\u20e1",
}  # fmt: skip
LINES_BELOW: Final = {
    "―": "\u0332", "‾": "\u0332", "_": "\u0332", "¯": "\u0332", "~": "\u0330", "→": "\u20ef",
}  # fmt: skip
BRACES: Final = frozenset("⏞⏟⎴⎵⏜⏝︷︸")
RAISED: Final = str.maketrans("0123456789+−-=()nidhkmrstT", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ⁿⁱᵈʰᵏᵐʳˢᵗᵀ")
LOWERED: Final = str.maketrans("0123456789+−-=()aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ")
# Bold, sans-serif and typewriter letters. Blackboard, script and Fraktur letters carry meaning and are kept.
WEIGHTS: Final = re.compile(
    "[\U0001d400-\U0001d433\U0001d468-\U0001d49b\U0001d5a0-\U0001d6a3\U0001d6a8-\U0001d6e1\U0001d71c-\U0001d755"
    "\U0001d7ce-\U0001d7d7\U0001d7e2-\U0001d7ff]"
)
PRIMES: Final = re.compile("[′″‴⁗]+")
BETWEEN: Final = {"mtr": ", ", "mtable": "; "}
BEFORE_RELATION: Final = re.compile(r" ?, +(?=[=<>≤≥≈≠∈≔])")  # a column that begins with it goes on
SUM: Final = re.compile(r"[+−=<>≤≥/·×-]")


def render_line(element: Element) -> str:
    """Render an element as a line of NFC text, with single spaces around relations and names."""
    return unicodedata.normalize("NFC", _to_line(element)).strip()


def _to_line(element: Element) -> str:
    inner = [_to_line(child) for child in element]
    match element.tag, inner:
        case (("mover" | "munder"), [base, mark]) if marked := _mark(element.tag, base, mark.strip()):
            return marked
        case (("msup" | "mover"), [base, over]):
            return _with_scripts(base, "", _to_superscript(over))
        case (("msub" | "munder"), [base, under]):
            return _with_scripts(base, _script("_", under, LOWERED), "")
        case (("msubsup" | "munderover"), [base, under, over]):
            return _with_scripts(base, _script("_", under, LOWERED), _to_superscript(over))
        case (("mfrac" | "mroot"), [first, second]):
            return _write_fraction_or_root(element, first, second)
        case "msqrt", _:
            return f"√{_in_brackets(''.join(inner))}"
        case (("mspace" | "mphantom"), _):
            return " " if element.get("width", "1em") not in ("0", "0em") else ""
    line = _tidy_spaces(_leaf(element) + BETWEEN.get(element.tag, "").join(inner))
    return BEFORE_RELATION.sub(" ", line) if element.tag == "mtr" else line


def _mark(tag: str, base: str, mark: str) -> str | None:
    """Mark a base as with \\vec or \\underline. Returns None if the mark is a text over or under it."""
    if mark in BRACES:
        return _as_base(base)
    combining = (ACCENTS if tag == "mover" else LINES_BELOW).get(mark)
    return _put_mark(base, combining) if combining else None


def _write_fraction_or_root(element: Element, first: str, second: str) -> str:
    if element.tag == "mroot":
        return f"{second.translate(RAISED)}√{_in_brackets(first)}"
    if element.get("linethickness") == "0":  # a binomial
        return f"{first.strip()} {second.strip()}"
    return f"{_in_brackets(first)}/{_in_brackets(second)}"


def _leaf(element: Element) -> str:
    text = WEIGHTS.sub(lambda letter: unicodedata.normalize("NFKC", letter[0]), element.text or "")
    text = text.replace("\u2009", " ")
    is_name = element.tag in ("mi", "mo") and len(text) > 1 and text.replace(" ", "").isalpha()
    return f" {text} " if is_name or text in RELATIONS else ", " if text == "," else text


def _put_mark(base: str, mark: str) -> str:
    """Put a mark on a letter, outside of the marks that it has, or on each of several letters."""
    letters = base.strip()
    marked = re.sub(r"[^\W_][\u0300-\u036f\u20d0-\u20ff]*", lambda letter: letter[0] + mark, letters)
    return unicodedata.normalize("NFC", marked) if marked != letters else letters + mark


def _with_scripts(base: str, under: str, over: str) -> str:
    if base.strip() in RELATIONS:
        return f" {base.strip()}{under}{over} "
    name = base.rstrip()
    after = " " if name != base or (name.isalpha() and len(name) > 1) else ""
    return f"{_as_base(name)}{under}{over}{after}"


def _as_base(base: str) -> str:
    """Put a sum in brackets, so that what follows belongs to all of it."""
    inner = base.strip()
    is_closed = inner[:1] in "([{⟨|‖" and inner[-1:] in ")]}⟩|‖"
    return f"({inner})" if len(inner) > 1 and SUM.search(inner[1:]) and not is_closed else base


def _tidy_spaces(text: str) -> str:
    text = re.sub(r", *(?=,)", "", re.sub(r"\s+", " ", text))
    return re.sub(r"(?<=[(\[{]) | (?=[)\]},;])|(?<=[a-z]{2}) (?=[(\[])|(?<=Pr) (?=[(\[])", "", text)


def _to_superscript(over: str) -> str:
    primes = PRIMES.match(over.strip())
    if primes:
        return primes[0] + _to_superscript(over.strip()[primes.end() :])
    return "°" if over.strip() == "∘" else _script("^", over, RAISED)


def _script(sign: str, text: str, small: dict[int, int]) -> str:
    tight = re.sub(r" ?([=<>≤≥∈→,∼~]) ?", r"\1", text.strip())
    if not tight:
        return ""
    if all(ord(char) in small for char in tight):
        return tight.translate(small)
    return sign + (tight if len(tight) == 1 else f"({tight})")


def _in_brackets(text: str) -> str:
    tight = text.strip()
    return tight if len(tight) == 1 or tight.isdigit() else f"({tight})"
