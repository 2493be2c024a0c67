"""Validates MathML by the content rules of MathML Core (W3C): elements, children, attributes and values."""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element, fromstring

TOKENS = {"mi", "mn", "mo", "mtext", "ms"}
ROWS = {"math", "mrow", "mstyle", "mpadded", "mphantom", "merror", "msqrt", "mtd", "semantics"}
FIXED = {
    "mfrac": 2,
    "mroot": 2,
    "msub": 2,
    "msup": 2,
    "msubsup": 3,
    "munder": 2,
    "mover": 2,
    "munderover": 3,
}
BOOLEAN = re.compile(r"true|false", re.I)
LENGTH = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:%|em|ex|px|pt|pc|in|cm|mm|rem|ch)|0")
GLOBAL = {
    "displaystyle": BOOLEAN,
    "scriptlevel": re.compile(r"[+-]?\d+"),
    "dir": re.compile(r"ltr|rtl", re.I),
}
ATTRIBUTES = {
    "math": {"display": re.compile(r"block|inline", re.I)},
    "mi": {"mathvariant": re.compile(r"normal", re.I)},
    "mo": {
        "form": re.compile(r"prefix|infix|postfix", re.I),
        **dict.fromkeys(("fence", "separator", "stretchy", "symmetric", "largeop", "movablelimits"), BOOLEAN),
        **dict.fromkeys(("lspace", "rspace", "minsize", "maxsize"), LENGTH),
    },
    "mspace": dict.fromkeys(("width", "height", "depth"), LENGTH),
    "mpadded": dict.fromkeys(("width", "height", "depth", "lspace", "voffset"), LENGTH),
    "mfrac": {"linethickness": LENGTH},
    "munder": {"accentunder": BOOLEAN},
    "mover": {"accent": BOOLEAN},
    "munderover": {"accent": BOOLEAN, "accentunder": BOOLEAN},
    "mtd": dict.fromkeys(("columnspan", "rowspan"), re.compile(r"\d+")),
}
NAMESPACE = "{http://www.w3.org/1998/Math/MathML}"


def find_faults(mathml: str) -> list[str]:
    """Return what breaks a rule of MathML Core, in words. A valid formula gives none."""
    root = fromstring(mathml)
    faults = [] if root.tag.removeprefix(NAMESPACE) == "math" else [f"the root is {root.tag}"]
    return faults + _find_faults(root)


def _find_faults(element: Element) -> list[str]:
    tag = element.tag.removeprefix(NAMESPACE)
    children = [child.tag.removeprefix(NAMESPACE) for child in element]
    faults = [*_find_wrong_content(element, tag, children), *_find_wrong_attributes(element, tag)]
    for child in element:
        faults += _find_faults(child)
        if child.tail and child.tail.strip():
            faults.append(f"text after {child.tag} in {tag}")
    return faults


def _find_wrong_content(element: Element, tag: str, children: list[str]) -> list[str]:
    text = (element.text or "").strip()
    if tag in TOKENS:
        return [f"{tag} holds {child}" for child in children] + ([] if element.text else [f"{tag} is empty"])
    if text:
        return [f"{tag} holds text: {text}"]
    if tag in FIXED:
        return [] if len(children) == FIXED[tag] else [f"{tag} holds {len(children)} elements"]
    if tag == "mspace":
        return [f"mspace holds {child}" for child in children]
    if tag in ("mtable", "mtr"):
        inner = {"mtable": "mtr", "mtr": "mtd"}[tag]
        return [f"{tag} holds {child}" for child in children if child != inner]
    if tag not in ROWS:
        return [f"{tag} is no element of MathML Core"]
    misplaced = {"mtr", "mtd", "math"} & set(children)
    return [f"{tag} holds {child}" for child in misplaced]


def _find_wrong_attributes(element: Element, tag: str) -> list[str]:
    allowed = GLOBAL | ATTRIBUTES.get(tag, {})
    return [
        f"{tag} has {name}={value!r}"
        for name, value in element.attrib.items()
        if name not in allowed or not allowed[name].fullmatch(value)
    ]
