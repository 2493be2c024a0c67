r"""Renders the LaTeX of titles and abstracts: prose with \emph and \%, and formulas as MathML and Unicode.

LaTeX that cannot be read stays as it is.
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

MAX_FORMULA_LENGTH = 2_000
MAX_BRACE_DEPTH = 50
MAX_MATHML_DEPTH = 100  # a pair of braces can take two elements
PLACEHOLDER = "\0"  # replaces a formula while the prose around it is rendered; plain text never contains it

# Characters that are invisible or change the direction of text: controls, surrogates, direction marks, tags
# and those that XML forbids. The joiners U+200C and U+200D are not among them, since Persian and emoji need
# them.
INVISIBLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ufffe\uffff\ud800-\udfff\U000e0000-\U000e007f]"
)

# Outside formulas

LATEX_SIGNS = re.compile(r"[\\{~]|``|--")  # most texts have none of these and need no rendering

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
    r"(?=[h\\{~-])(?:"  # the first characters of all alternatives, which makes the search fast
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


def render_prose(text: str) -> str:
    """Render the LaTeX commands of prose, such as accents and dashes, as Unicode."""
    if not LATEX_SIGNS.search(text):
        return text
    for _ in range(4):
        before = text
        text = LINKED.sub(_render_link, STYLED.sub(lambda match: match[match.lastindex or 0], text))
        text = FOOTNOTE.sub(r" (\1)", text)
        if text == before:
            break
    return WRITTEN.sub(_render_command, QUOTED.sub(r"“\1”", text))


def _render_link(link: re.Match[str]) -> str:
    return link[2] if link[1] == link[2] or "://" in link[2] else f"{link[2]} ({link[1]})"


def _render_command(match: re.Match[str]) -> str:
    kind, source = match.lastgroup or "", match[0]
    if kind == "url":
        return re.sub(r"\\(.)", r"\1", source)
    if kind in ("braced", "bare", "accented"):
        letter = unicodedata.normalize("NFC", match[kind] + MARKS[match["mark"] or match["accent"]])
        return letter if len(letter) == 1 else source
    if kind in ("letter", "grouped", "command"):
        return _symbol(match[kind]) or source
    replacements = {"space": " ", "tie": " ", "nothing": "", "em": "—", "en": "–"}
    return replacements[kind] if kind in replacements else match[kind]


def _symbol(command: str) -> str | None:
    r"""Find the symbol of a command such as \times. Returns None for an author's own command."""
    if SYMBOLS.fullmatch(command) and (code := convert_symbol(f"\\{command}")):
        return chr(int(code, 16))
    return WORDS.get(command)


# Formulas

# Macros and \sideset copy their arguments, so a short formula could grow without bound.
COPYING = re.compile(r"\\(?:def|newcommand|newenvironment|DeclareMathOperator|sideset)")
# Commands that latex2mathml does not know. A bare per cent sign is meant as such, not as a comment.
REWRITTEN_COMMANDS = re.compile(
    r"\\(?P<name>arg|Bar|textsc|ensuremath|xspace)(?![A-Za-z])|(?P<escaped>\\.)|%"
)
COMMAND_REPLACEMENTS = {
    "arg": r"\operatorname{arg}",
    "Bar": r"\bar",
    "textsc": r"\text",
    "ensuremath": "",
    "xspace": "",
}
ALLOWED_TAGS = re.compile(
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
ALLOWED_ATTRIBUTES = re.compile(
    "accent|columnalign|columnlines|columnspacing|depth|display|displaystyle|fence|form|height|largeop|linethickness"
    "|lspace|maxsize|minsize|movablelimits|notation|rowlines|rowspacing|rspace|scriptlevel|separator|stretchy|width"
)
# Lengths are small, so that a formula cannot break the layout of the page or cover other content.
VALUE = re.compile(r"[a-z ]{1,60}|\+?(?:[0-2]|[0-2]?\.\d{1,4})(?:em|ex)?|3pt")
UNREADABLE = re.compile(r"\\[A-Za-z]|&#x")
VARIANTS = {
    "double-struck": "doublestruck", "script": "script", "fraktur": "fraktur", "bold": "bold",
    "bold-italic": "bold-italic", "sans-serif": "sans", "monospace": "monospace",
}  # fmt: skip


@lru_cache(maxsize=2_048)
def render_formula(latex: str, block: bool) -> tuple[str, str] | None:
    """Render a formula as MathML and as Unicode. Returns None if it cannot be read."""
    if len(latex) > MAX_FORMULA_LENGTH or not _has_balanced_braces(latex) or COPYING.search(latex):
        return None
    try:
        tree = _copy_allowed(
            convert_to_element(
                REWRITTEN_COMMANDS.sub(_rewrite_command, latex), display="block" if block else "inline"
            )
        )
        _space_functions(tree)
        return tostring(tree, encoding="unicode", short_empty_elements=False), _to_line(tree).strip()
    except Exception:  # noqa: BLE001 - latex2mathml raises KeyError, StopIteration, RecursionError and more
        return None


def _rewrite_command(match: re.Match[str]) -> str:
    return COMMAND_REPLACEMENTS[match["name"]] if match["name"] else match["escaped"] or r"\%"


def _has_balanced_braces(latex: str) -> bool:
    depth = 0
    for brace in re.findall(r"\\.|[{}]", latex):
        depth += {"{": 1, "}": -1}.get(brace, 0)
        if not 0 <= depth <= MAX_BRACE_DEPTH:
            return False
    return depth == 0


def _copy_allowed(element: Element, depth: int = 0) -> Element:
    """Copy only safe MathML, without links, styles, classes, events and colours."""
    is_complete = len(element) == CHILDREN.get(element.tag, len(element))
    if not is_complete or not ALLOWED_TAGS.fullmatch(element.tag) or depth > MAX_MATHML_DEPTH:
        raise ValueError(element.tag)
    attributes = element.attrib
    safe = Element(
        element.tag,
        {
            name: value
            for name, value in attributes.items()
            if ALLOWED_ATTRIBUTES.fullmatch(name) and VALUE.fullmatch(value)
        },
    )
    # latex2mathml writes symbols as entities. They are replaced here, since the serialiser escapes again.
    safe.text = INVISIBLE.sub("", html.unescape(re.sub(r"\\([%&#_$ {}])", r"\1", element.text or "")))
    if UNREADABLE.search(safe.text):
        raise ValueError(safe.text)
    variant = attributes.get("mathvariant", "")
    if variant == "normal" and element.tag == "mi":
        safe.set("mathvariant", "normal")
    elif variant in VARIANTS and element.tag in ("mi", "mn"):  # browsers no longer support other variants
        safe.text = fmt_math_text_style(safe.text, VARIANTS[variant])
    safe.extend(_copy_allowed(child, depth + 1) for child in element)
    return safe


# latex2mathml makes these identifiers, which are set without spaces: "nlogn".
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
# Bold, sans-serif and typewriter letters. Blackboard, script and Fraktur letters carry meaning and are kept.
WEIGHTS = re.compile("[\U0001d400-\U0001d433\U0001d468-\U0001d49b\U0001d5a0-\U0001d6a3\U0001d7ce-\U0001d7ff]")
BETWEEN = {"mtr": ", ", "mtable": "; "}


def _to_line(element: Element) -> str:
    inner = [_to_line(child) for child in element]
    match element.tag, inner:
        case (("mover" | "munder"), [base, mark]) if mark in ACCENTS or mark in "―⏞⏟⎴⎵⏜⏝":
            accented = unicodedata.normalize("NFC", base + ACCENTS.get(mark, ""))
            return accented if len(base) == 1 else base
        case (("msup" | "mover"), [base, over]):
            return base + _to_superscript(over)
        case (("msub" | "munder"), [base, under]):
            return base + _script("_", under, LOWERED)
        case (("msubsup" | "munderover"), [base, under, over]):
            return base + _script("_", under, LOWERED) + _to_superscript(over)
        case "mfrac", [above, below]:
            return f"{_in_brackets(above)}/{_in_brackets(below)}"
        case "mroot", [radicand, index]:
            return f"{index.translate(RAISED)}√{_in_brackets(radicand)}"
        case "msqrt", _:
            return f"√{_in_brackets(''.join(inner))}"
        case "mspace", _:
            return "" if element.get("width", "-")[0] in "-n" else " "
    return _tidy_spaces(_leaf(element) + BETWEEN.get(element.tag, "").join(inner))


def _leaf(element: Element) -> str:
    text = WEIGHTS.sub(lambda letter: unicodedata.normalize("NFKC", letter[0]), element.text or "")
    is_name = element.tag in ("mi", "mo") and len(text) > 1 and text.isalpha()
    return f" {text} " if is_name or text in RELATIONS else ", " if text == "," else text


def _tidy_spaces(text: str) -> str:
    text = re.sub(r"\s+", " ", text)
    return re.sub(r"(?<=[(\[{]) | (?=[)\]},;])|(?<=[a-z]{2}) (?=\()", "", text)


def _to_superscript(over: str) -> str:
    return over.replace("∘", "°") if over and over in "∘′″‴⁗" else _script("^", over, RAISED)


def _script(sign: str, text: str, small: dict[int, int]) -> str:
    tight = re.sub(r" ?([=<>≤≥∈→,]) ?", r"\1", text.strip())
    if all(ord(char) in small for char in tight):
        return tight.translate(small)
    return sign + (tight if len(tight) == 1 else f"({tight})")


def _in_brackets(text: str) -> str:
    tight = text.strip()
    return tight if len(tight) == 1 or tight.isdigit() else f"({tight})"
