r"""Renders one formula of LaTeX as MathML that every browser accepts.

latex2mathml reads the LaTeX. What it makes is copied through a list of elements and attributes, which is
MathML Core's, and mended where it breaks Core's rules of content: identifiers and operators that hold
elements, or elements that miss a child. A formula with a command that is not known is not rendered at all.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Final
from xml.etree.ElementTree import Element, tostring

from latex2mathml.converter import convert_to_element
from pylatexenc.latex2text import fmt_math_text_style

from paperround.text.formula_line import RELATIONS, render_line
from paperround.text.formula_source import prepare_source
from paperround.text.latex_pieces import Formula
from paperround.text.latex_symbols import SYMBOLS
from paperround.text.plain import INVISIBLE

MAX_FORMULA_LENGTH: Final = 2_000
MAX_BRACE_DEPTH: Final = 50
MAX_MATHML_DEPTH: Final = 100  # a pair of braces can take two elements

# Macros and \sideset copy their arguments, so a short formula could grow without bound.
COPYING: Final = re.compile(r"\\(?:def|newcommand|newenvironment|DeclareMathOperator|sideset)")
TOKENS: Final = frozenset({"mi", "mn", "mo", "mtext"})
ELEMENTS: Final = TOKENS | frozenset(
    [
        "math",
        "mrow",
        "mspace",
        "msub",
        "msup",
        "msubsup",
        "munder",
        "mover",
        "munderover",
        "mfrac",
        "msqrt",
        "mroot",
        "mtable",
        "mtr",
        "mtd",
        "mstyle",
        "mpadded",
        "mphantom",
    ]
)
CHILDREN: Final = {
    "mfrac": 2, "mroot": 2, "msub": 2, "msup": 2, "munder": 2, "mover": 2, "msubsup": 3, "munderover": 3,
}  # fmt: skip
# Lengths are small, so that a formula cannot break the layout of the page or cover other content.
LENGTH: Final = re.compile(
    r"(?:[0-2]|[0-2]?\.\d{1,4})(?:em|ex)?|0\.\d{1,4}(?:em|ex)?|[12]\.\d{1,4}(?:em|ex)?"
)
BOOLEAN: Final = re.compile(r"true|false")
ATTRIBUTES: Final = {
    **{
        (name, "mo"): BOOLEAN
        for name in ["fence", "separator", "stretchy", "symmetric", "largeop", "movablelimits"]
    },
    **{(name, "mo"): LENGTH for name in ["lspace", "rspace", "minsize", "maxsize"]},
    **{(name, tag): LENGTH for name in ["width", "height", "depth"] for tag in ("mspace", "mpadded")},
    **{("accent", tag): BOOLEAN for tag in ("mover", "munderover")},
    **{("displaystyle", tag): BOOLEAN for tag in ("math", "mstyle")},
    ("lspace", "mpadded"): LENGTH,
    ("form", "mo"): re.compile(r"prefix|infix|postfix"),
    ("linethickness", "mfrac"): LENGTH,
    ("scriptlevel", "mstyle"): re.compile(r"[0-2]"),
    ("display", "math"): re.compile(r"block|inline"),
}
UNREADABLE: Final = re.compile(r"\\[A-Za-z]|&#x")
VARIANTS: Final = {
    "double-struck": "doublestruck", "script": "script", "fraktur": "fraktur", "bold": "bold",
    "bold-italic": "bold-italic", "sans-serif": "sans", "monospace": "monospace",
}  # fmt: skip
STROKE: Final = "\u29f8"  # latex2mathml lays it over a relation for \not
PRIMES: Final = frozenset("′″‴⁗")
THIN_SPACE: Final = "\u2009"
EXTREMUM: Final = re.compile(r"arg(?=(?:max|min|sup|inf)\Z)")
# Signs that latex2mathml takes for identifiers.
OPERATORS: Final = RELATIONS | PRIMES | frozenset("‖~⨁⨂⨀⨆")
DIGITS: Final = {"double-struck": 0x1D7D8, "bold": 0x1D7CE, "bold-italic": 0x1D7CE, "monospace": 0x1D7F6}


@lru_cache(maxsize=2_048)
def render_formula(latex: str, block: bool) -> Formula | None:
    """Render a formula as MathML and as Unicode. Returns None if it cannot be read."""
    if len(latex) > MAX_FORMULA_LENGTH or not _has_balanced_braces(latex) or COPYING.search(latex):
        return None
    try:
        source = prepare_source(latex)
        tree = _copy(convert_to_element(source, display="block" if block else "inline"))
        line = render_line(tree) or (" " if tree.find(".//mspace") is not None else "")
        if not line or unicodedata.combining(line[0]):
            return None
        mathml = tostring(tree, encoding="unicode", short_empty_elements=False)
        return Formula(latex, mathml, line)
    except Exception:  # noqa: BLE001 - latex2mathml raises KeyError, StopIteration, RecursionError and more
        return None


def _has_balanced_braces(latex: str) -> bool:
    depth = 0
    for brace in re.findall(r"\\.|[{}]", latex):
        depth += {"{": 1, "}": -1}.get(brace, 0)
        if not 0 <= depth <= MAX_BRACE_DEPTH:
            return False
    return depth == 0


def _copy(element: Element, depth: int = 0) -> Element:
    """Copy only safe and valid MathML, without links, styles, classes, events and colours."""
    tag = "mrow" if element.get("notation") == "box" else element.tag
    if tag not in ELEMENTS or depth > MAX_MATHML_DEPTH:
        raise ValueError(tag)
    children = _negate([_copy(child, depth + 1) for child in element])
    if len(children) != CHILDREN.get(tag, len(children)):
        raise ValueError(tag)
    if tag in TOKENS:
        return _copy_token(element, children)
    safe = Element(tag, _copy_attributes(element, tag))
    safe.extend([] if tag == "mspace" else children)
    _set_limits(safe)
    return _space_functions(safe)


def _copy_attributes(element: Element, tag: str) -> dict[str, str]:
    return {
        name: value
        for name, value in element.attrib.items()
        if (pattern := ATTRIBUTES.get((name, tag))) and pattern.fullmatch(value)
    }


def _copy_token(element: Element, children: Sequence[Element]) -> Element:
    r"""Copy an identifier, a number, an operator or a text, which may hold text only.

    `\mathop{\rm arg\,max}` holds elements: their texts are joined. Where they have a structure, as in
    `\mathrel{\overset{d}{=}}`, the structure stands by itself.
    """
    if children:
        parts = [leaf for child in children for leaf in child.iter()]
        if any(part.tag not in TOKENS | {"mrow", "mspace"} for part in parts):
            row = Element("mrow")
            row.extend(children)
            return row
        text = "".join(THIN_SPACE if part.tag == "mspace" else part.text or "" for part in parts)
    else:
        text = _set_variant(_read_text(element), element)
    tag = element.tag
    if tag == "mi" and (text in OPERATORS or (len(text) == 1 and unicodedata.category(text) in ("Ps", "Pe"))):
        tag = "mo"
    if not text:
        return Element("mrow")
    safe = Element(tag, _copy_attributes(element, tag))
    safe.text = EXTREMUM.sub(f"arg{THIN_SPACE}", text)
    if tag == "mi" and element.get("mathvariant") == "normal" and len(text) == 1:
        safe.set("mathvariant", "normal")
    if tag == "mo":
        _complete_operator(safe, element, has_children=bool(children))
    return safe


def _set_variant(text: str, element: Element) -> str:
    """Write letters and digits of a style as the characters that Unicode has for them, as Core asks."""
    variant = element.get("mathvariant", "")
    if variant not in VARIANTS or element.tag not in ("mi", "mn"):
        return text
    styled = fmt_math_text_style(text, VARIANTS[variant])
    first = DIGITS.get(variant)
    return re.sub("[0-9]", lambda digit: chr(first + int(digit[0])), styled) if first else styled


def _complete_operator(safe: Element, element: Element, *, has_children: bool) -> None:
    if element.tag != "mo":
        safe.set("stretchy", "false")
    elif "minsize" in safe.attrib:  # \big| only grows where it may stretch
        safe.set("stretchy", "true")
    if has_children and "lspace" not in safe.attrib:  # \mathop
        safe.set("movablelimits", "true")


def _read_text(element: Element) -> str:
    # latex2mathml writes symbols as entities. They are replaced here, since the serialiser escapes again.
    source = re.sub(r"\\([%&#_$ {}])", r"\1", element.text or "")
    text = INVISIBLE.sub("", html.unescape(source))
    if element.tag == "mo" and text[:1] == "\\":  # the delimiter after \Big
        text = SYMBOLS.get(text[1:], text)
    if UNREADABLE.search(text) or element.text == "&":  # an ampersand outside of a table
        raise ValueError(text)
    return text


def _negate(children: list[Element]) -> list[Element]:
    r"""Strike through the relation after \not, as one character."""
    kept: list[Element] = []
    for child in children:
        if (
            kept
            and kept[-1].tag == "mpadded"
            and "".join(kept[-1].itertext()) == STROKE
            and child.tag in TOKENS
        ):
            child.text = unicodedata.normalize("NFC", (child.text or "") + "\u0338")
            kept[-1] = child
        else:
            kept.append(child)
    return kept


# Operators whose limits stand under and over them where a formula has a line of its own.
WITH_LIMITS: Final = re.compile("[∑∏∐⋂⋃⋀⋁⨁⨂⨀⨆⨄]|lim|max|min|sup|inf|Pr|det|gcd")
LIMIT_TAGS: Final = {"msub": "munder", "msup": "mover", "msubsup": "munderover"}


def _set_limits(element: Element) -> None:
    base = element[0] if len(element) else element
    if base.tag != "mo" or not (base.get("movablelimits") or WITH_LIMITS.fullmatch(base.text or "")):
        return
    if element.tag in LIMIT_TAGS:
        element.tag = LIMIT_TAGS[element.tag]
        base.set("movablelimits", "true")
    elif element.tag in LIMIT_TAGS.values():  # \limits
        base.set("movablelimits", "false")


# latex2mathml makes these identifiers, which are set without spaces: "nlogn".
FUNCTIONS: Final = re.compile(
    "arccos|arcsin|arctan|arg|cosh?|coth?|csc|deg|det|dim|exp|gcd|hom|ker|lg|ln|log|sec|sinh?|tanh?"
)


def _space_functions(element: Element) -> Element:
    children: list[Element | None] = [*element]
    for child, following in zip(element, [*children[1:], None], strict=False):
        if child.tag == "mi" and FUNCTIONS.fullmatch(child.text or ""):
            child.tag = "mo"
            opens = following is not None and following.text in ("(", "[", "{")
            child.attrib.clear()
            child.attrib.update(lspace=".17em", rspace="0" if opens else ".17em")
    return element
