r"""LaTeX as titles and abstracts have it: prose with \emph and \%, and formulas, made MathML and Unicode.

Knows no page and no mail. What it can't read it leaves alone.
"""

from __future__ import annotations

import html
import re
import unicodedata
from functools import lru_cache
from xml.etree.ElementTree import Element, tostring

from latex2mathml.converter import convert_to_element
from latex2mathml.symbols_parser import convert_symbol
from pylatexenc.latex2text import fmt_math_text_style

LONGEST_FORMULA = 2_000
DEEPEST_BRACES = 50
DEEPEST_MATHML = 100  # a pair of braces can take two elements
HELD = "\0"  # stands for a formula while the prose around it is read; plain text has none

# What shows nothing or turns the reading order: controls, surrogates, marks and overrides of direction, tags,
# XML's forbidden characters. The joiners U+200C and U+200D stay: Persian and emoji need them.
INVISIBLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ufffe\uffff\ud800-\udfff\U000e0000-\U000e007f]"
)

# Outside formulas

MARKED = re.compile(r"[\\{~]|``|--")  # most texts have nothing of what is read here

STYLED = re.compile(
    r"\\(?:emph|text(?:bf|it|tt|sc|sf|sl|rm|up|md|normal)?|underline|mbox|url)\s*\{([^{}]*)\}"
    r"|\{\\(?:em|it|bf|sf|tt|rm|sc|sl)\s+([^{}]*)\}|\\textcolor\s*\{[^{}\0]*\}\s*\{([^{}]*)\}"
    r"""|\{(\\['`^"~=.]\\?[A-Za-z]|\\[cvuHkr]\{[A-Za-z]\}|,)\}"""
)
LINKED = re.compile(r"\\href\s*\{([^{}\0]*)\}\s*\{([^{}]*)\}")
FOOTNOTE = re.compile(r"\s?\\footnote\s*\{([^{}]*)\}")
QUOTED = re.compile(r"``([^`\"]{1,300}?)(?:''|\")")
MARKS = {
    "'": "\u0301", "`": "\u0300", "^": "\u0302", '"': "\u0308", "~": "\u0303", "=": "\u0304", ".": "\u0307",
    "c": "\u0327", "v": "\u030c", "u": "\u0306", "H": "\u030b", "k": "\u0328", "r": "\u030a",
}  # fmt: skip
WORDS = {
    "o": "ø", "O": "Ø", "l": "ł", "L": "Ł", "ss": "ß", "ae": "æ", "AE": "Æ", "oe": "œ", "OE": "Œ", "i": "ı",
    "aa": "å", "AA": "Å", "deg": "°", "LaTeX": "LaTeX", "TeX": "TeX", "textgreater": ">", "textless": "<",
    "eg": "e.g.", "ie": "i.e.", "etc": "etc",
}  # fmt: skip
SYMBOLS = re.compile(
    "times|approx|sim|pm|leq?|geq?|ll|gg|neq?|equiv|propto|in|to|rightarrow|leftarrow|Rightarrow|cdot|l?dots|infty|star"
    "|dagger|bullet|alpha|beta|gamma|delta|(?:var)?epsilon|zeta|eta|theta|iota|kappa|lambda|mu|nu|xi|pi|rho|sigma|tau"
    "|(?:var)?phi|chi|psi|omega|Gamma|Delta|Theta|Lambda|Xi|Pi|Sigma|Phi|Psi|Omega"
)
WRITTEN = re.compile(
    r"(?=[h\\{~-])(?:"  # how each of these begins: elsewhere none is tried
    r"(?P<url>https?://(?:[^\s{}$\\\0]|\\[_#%&~])+)"
    r"|(?<=[A-Za-z])\\(?P<apostrophe>')(?=(?:s|t|re|ve|ll|d|m)\b)"
    r"""|\\(?P<mark>['`^"~=.])\s?(?:\{\\?(?P<braced>[A-Za-z])\}|\\?(?P<bare>[A-Za-z]))"""
    r"|\\(?P<accent>[cvuHkr])\{(?P<accented>[A-Za-z])\}"
    r"|\\(?P<letter>AE|OE|ae|oe|ss|[oOlLi])(?:\{\}|\s(?=[a-z])|(?![A-Za-z]))"
    r"|\{\\(?P<grouped>[A-Za-z]+)\}|\\(?P<command>[A-Za-z]+)(?:\{\})?"
    r"|\\(?P<escaped>[%&#_${}])|(?P<space>\\[ ,;])|(?P<nothing>\\!)"
    r"|(?P<tie>(?<=[A-Za-z.])~(?=\d)|(?<=[\w.,;:)\]}%\0])~(?=[^\s~\d]))"
    r"|(?P<em>(?<!-)---(?!-))|(?P<en>(?<=[\w)%\0])--(?=[\w(\0])|(?<=\s)--(?=\s)))"
)


def prose(text: str) -> str:
    if not MARKED.search(text):
        return text
    for _ in range(4):
        before = text
        text = LINKED.sub(_linked, STYLED.sub(lambda found: found[found.lastindex or 0], text))
        text = FOOTNOTE.sub(r" (\1)", text)
        if text == before:
            break
    return WRITTEN.sub(_written, QUOTED.sub(r"“\1”", text))


def _linked(link: re.Match[str]) -> str:
    return link[2] if link[1] == link[2] or "://" in link[2] else f"{link[2]} ({link[1]})"


def _written(found: re.Match[str]) -> str:
    kind, source = found.lastgroup or "", found[0]
    if kind == "url":
        return re.sub(r"\\(.)", r"\1", source)
    if kind in ("braced", "bare", "accented"):
        letter = unicodedata.normalize("NFC", found[kind] + MARKS[found["mark"] or found["accent"]])
        return letter if len(letter) == 1 else source
    if kind in ("letter", "grouped", "command"):
        return _symbol(found[kind]) or source
    same = {"space": " ", "tie": " ", "nothing": "", "em": "—", "en": "–"}
    return same[kind] if kind in same else found[kind]


def _symbol(command: str) -> str | None:
    r"""\times outside a formula is ×, while \method, an author's own command, is nothing we know."""
    if SYMBOLS.fullmatch(command) and (code := convert_symbol(f"\\{command}")):
        return chr(int(code, 16))
    return WORDS.get(command)


# Formulas

# Macros and \sideset copy their arguments: a short formula could grow without bound.
COPYING = re.compile(r"\\(?:def|newcommand|newenvironment|DeclareMathOperator|sideset)")
# Names that latex2mathml doesn't know. A bare per cent sign is meant, not a comment that swallows the rest.
TOLD = re.compile(r"\\(?P<name>arg|Bar|textsc|ensuremath|xspace)(?![A-Za-z])|(?P<escaped>\\.)|%")
KNOWN_AS = {"arg": r"\operatorname{arg}", "Bar": r"\bar", "textsc": r"\text", "ensuremath": "", "xspace": ""}
TAGS = re.compile(
    "math|mrow|mi|mn|mo|mtext|mspace|msub|msup|msubsup|munder|mover|munderover|mfrac|msqrt|mroot|mtable|mtr|mtd"
    "|mstyle|mpadded|mphantom|menclose"
)
CHILDREN = {
    "mfrac": 2,
    "mroot": 2,
    "msub": 2,
    "msup": 2,
    "munder": 2,
    "mover": 2,
    "msubsup": 3,
    "munderover": 3,
}
ATTRIBUTES = re.compile(
    "accent|columnalign|columnlines|columnspacing|depth|display|displaystyle|fence|form|height|largeop|linethickness"
    "|lspace|maxsize|minsize|movablelimits|notation|rowlines|rowspacing|rspace|scriptlevel|separator|stretchy|width"
)
# Lengths stay small: a formula can't push the page aside or lie over something else.
VALUE = re.compile(r"[a-z ]{1,60}|\+?(?:[0-2]|[0-2]?\.\d{1,4})(?:em|ex)?|3pt")
UNREADABLE = re.compile(r"\\[A-Za-z]|&#x")
VARIANTS = {
    "double-struck": "doublestruck", "script": "script", "fraktur": "fraktur", "bold": "bold",
    "bold-italic": "bold-italic", "sans-serif": "sans", "monospace": "monospace",
}  # fmt: skip


@lru_cache(maxsize=2_048)
def formula(latex: str, block: bool) -> tuple[str, str] | None:
    """MathML and Unicode of a formula; None when it can't be read."""
    if len(latex) > LONGEST_FORMULA or not _closed(latex) or COPYING.search(latex):
        return None
    try:
        tree = _allowed(convert_to_element(TOLD.sub(_told, latex), display="block" if block else "inline"))
        _space_functions(tree)
        return tostring(tree, encoding="unicode", short_empty_elements=False), _linear(tree).strip()
    except Exception:  # noqa: BLE001 - latex2mathml lets KeyError, StopIteration, RecursionError and more out
        return None


def _told(found: re.Match[str]) -> str:
    return KNOWN_AS[found["name"]] if found["name"] else found["escaped"] or r"\%"


def _closed(latex: str) -> bool:
    depth = 0
    for brace in re.findall(r"\\.|[{}]", latex):
        depth += {"{": 1, "}": -1}.get(brace, 0)
        if not 0 <= depth <= DEEPEST_BRACES:
            return False
    return depth == 0


def _allowed(element: Element, depth: int = 0) -> Element:
    """A copy with nothing but MathML that can't act: no links, styles, classes, events, colours."""
    complete = len(element) == CHILDREN.get(element.tag, len(element))
    if not complete or not TAGS.fullmatch(element.tag) or depth > DEEPEST_MATHML:
        raise ValueError(element.tag)
    given = element.attrib
    safe = Element(
        element.tag, {k: v for k, v in given.items() if ATTRIBUTES.fullmatch(k) and VALUE.fullmatch(v)}
    )
    # latex2mathml writes symbols as entities; the serialiser escapes what they stand for.
    safe.text = INVISIBLE.sub("", html.unescape(re.sub(r"\\([%&#_$ {}])", r"\1", element.text or "")))
    if UNREADABLE.search(safe.text):
        raise ValueError(safe.text)
    variant = given.get("mathvariant", "")
    if variant == "normal" and element.tag == "mi":
        safe.set("mathvariant", "normal")
    elif variant in VARIANTS and element.tag in ("mi", "mn"):  # browsers know no other variant any more
        safe.text = fmt_math_text_style(safe.text, VARIANTS[variant])
    safe.extend(_allowed(child, depth + 1) for child in element)
    return safe


# latex2mathml makes them identifiers, which stand as close as letters: "nlogn".
FUNCTIONS = re.compile(
    "arccos|arcsin|arctan|arg|cosh?|coth?|csc|deg|det|dim|exp|gcd|hom|ker|lg|ln|log|sec|sinh?|tanh?"
)


def _space_functions(element: Element) -> None:
    children: list[Element | None] = [*element]
    for child, following in zip(element, [*children[1:], None], strict=False):
        _space_functions(child)
        if child.tag == "mi" and FUNCTIONS.fullmatch(child.text or ""):
            child.tag = "mo"
            opens = following is not None and following.text in ("(", "[", "{")
            child.attrib.update(lspace=".17em", rspace="0" if opens else ".17em")


# Formulas in one line

RELATIONS = frozenset("=<>≤≥≈≠≡∝∈→←⇒≪≫")
ACCENTS = dict(zip("^~¯→˙¨ˇ´`˘", "\u0302\u0303\u0304\u20d7\u0307\u0308\u030c\u0301\u0300\u0306", strict=True))
RAISED = str.maketrans("0123456789+−-=()nidhkmrstT", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ⁿⁱᵈʰᵏᵐʳˢᵗᵀ")
LOWERED = str.maketrans("0123456789+−-=()aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ")
# Bold, sans-serif and typewriter letters; blackboard, script and Fraktur ones mean something and stay.
WEIGHTS = re.compile("[\U0001d400-\U0001d433\U0001d468-\U0001d49b\U0001d5a0-\U0001d6a3\U0001d7ce-\U0001d7ff]")
BETWEEN = {"mtr": ", ", "mtable": "; "}


def _linear(element: Element) -> str:
    inner = [_linear(child) for child in element]
    match element.tag, inner:
        case (("mover" | "munder"), [base, mark]) if mark in ACCENTS or mark in "―⏞⏟⎴⎵⏜⏝":
            one = unicodedata.normalize("NFC", base + ACCENTS.get(mark, ""))
            return one if len(base) == 1 else base
        case (("msup" | "mover"), [base, over]):
            return base + _raised(over)
        case (("msub" | "munder"), [base, under]):
            return base + _script("_", under, LOWERED)
        case (("msubsup" | "munderover"), [base, under, over]):
            return base + _script("_", under, LOWERED) + _raised(over)
        case "mfrac", [above, below]:
            return f"{_grouped(above)}/{_grouped(below)}"
        case "mroot", [radicand, index]:
            return f"{index.translate(RAISED)}√{_grouped(radicand)}"
        case "msqrt", _:
            return f"√{_grouped(''.join(inner))}"
        case "mspace", _:
            return "" if element.get("width", "-")[0] in "-n" else " "
    return _spaced(_leaf(element) + BETWEEN.get(element.tag, "").join(inner))


def _leaf(element: Element) -> str:
    text = WEIGHTS.sub(lambda letter: unicodedata.normalize("NFKC", letter[0]), element.text or "")
    named = element.tag in ("mi", "mo") and len(text) > 1 and text.isalpha()
    return f" {text} " if named or text in RELATIONS else ", " if text == "," else text


def _spaced(text: str) -> str:
    text = re.sub(r"\s+", " ", text)
    return re.sub(r"(?<=[(\[{]) | (?=[)\]},;])|(?<=[a-z]{2}) (?=\()", "", text)


def _raised(over: str) -> str:
    return over.replace("∘", "°") if over and over in "∘′″‴⁗" else _script("^", over, RAISED)


def _script(sign: str, text: str, small: dict[int, int]) -> str:
    tight = re.sub(r" ?([=<>≤≥∈→,]) ?", r"\1", text.strip())
    if all(ord(char) in small for char in tight):
        return tight.translate(small)
    return sign + (tight if len(tight) == 1 else f"({tight})")


def _grouped(text: str) -> str:
    tight = text.strip()
    return tight if len(tight) == 1 or tight.isdigit() else f"({tight})"
