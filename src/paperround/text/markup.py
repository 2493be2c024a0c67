"""Outside text made safe: one-line titles, links, search keys, HTML and Unicode of what has formulas in it.

Pure functions of a text; none raises, whatever comes. LaTeX itself is read in latex.py.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from urllib.parse import urljoin, urlsplit, urlunsplit

from markupsafe import Markup

from paperround.text.latex import HELD, INVISIBLE, formula, prose

LONGEST_LINK = 2_000
LONGEST_LATEX = 10_000  # in a longer text formulas aren't looked for: it is no abstract, and time is bounded

BLANK_LINE = re.compile(r"(?:\r\n?|\n)[^\S\r\n]*(?:\r\n?|\n)\s*")


def plain(text: str) -> str:
    """One line without control characters, for titles and names."""
    visible = INVISIBLE.sub("", " ".join(text.split()))
    return " ".join(unicodedata.normalize("NFC", visible).split())


def paragraphs(text: str) -> str:
    """The same for abstracts: blank lines stay, as one."""
    return "\n\n".join(filter(None, map(plain, BLANK_LINE.split(text))))


# Links

HOST = re.compile(r"[\w.-]+|[0-9a-f.]*:[0-9a-f:.]+")
GITHUB = re.compile(r"(?:https?://)?(?:www\.)?github\.com/([A-Za-z0-9-]+)/([\w.-]+)(?:[/?#].*)?", re.I | re.A)
NO_OWNER = re.compile(
    r"apps|collections|features|marketplace|orgs|search|settings|sponsors|topics|users", re.I
)


def http_link(text: str | None, *, base: str | None = None) -> str | None:
    """An absolute http(s) address, or None. A path such as /avatars/x.png is one of `base`."""
    link = "".join((text or "").split())
    try:
        parts = urlsplit(urljoin(base, link) if base and link.startswith("/") else link)
        host, _ = parts.hostname, parts.port  # a bad port raises
        address = urlunsplit(parts)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not host or not HOST.fullmatch(host) or "@" in parts.netloc:
        return None
    # Browsers read a backslash as a slash: what we checked would not be what they open.
    if len(address) > LONGEST_LINK or "\\" in link or INVISIBLE.search(link):
        return None
    return address


def github_repository(text: str | None) -> str | None:
    """https://github.com/owner/name from any address within the repository; another link as it is."""
    found = GITHUB.fullmatch("".join((text or "").split()))
    if not found or NO_OWNER.fullmatch(found[1]) or INVISIBLE.search(found[0]):
        return http_link(text)
    name = found[2].removesuffix(".git")
    return f"https://github.com/{found[1]}/{name}" if name.strip(".") else http_link(text)


# Searching

LATIN = re.compile("[a-z][\u0300-\u036f]+|[\u00c0-\u024f\u1e00-\u1eff\ufb00-\ufb06][\u0300-\u036f]*")
UNFOLDABLE = {
    "ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "ħ": "h", "ı": "i", "þ": "th",
    "ŋ": "n", "ŧ": "t",
}  # fmt: skip


def folded(text: str) -> str:
    """Lower case without Latin accents, to search by. Other scripts keep theirs: they tell words apart."""
    lower = unicodedata.normalize("NFC", text.lower())
    return lower if lower.isascii() else LATIN.sub(_without_accents, lower)


def _without_accents(letter: re.Match[str]) -> str:
    apart = unicodedata.normalize("NFKD", letter[0])
    return "".join(UNFOLDABLE.get(c, c) for c in apart if not unicodedata.combining(c))


# Where formulas are. Bodies can't hold their own opening mark, so that the search stays linear.

FORMULA = re.compile(
    r"\\\((?P<round>(?:[^\\]|\\[^()]){1,2000}+)\\\)|\\\[(?P<square>(?:[^\\]|\\[^\[\]]){1,2000}+)\\\]|\\."
    r"|\$\$(?P<double>(?:[^\\$]|\\.){1,2000}+)\$\$|\$(?!\s)(?P<single>(?:[^\\$]|\\.){1,2000}+)(?<!\s)\$"
)
COMMANDS = re.compile(r"\\[A-Za-z]+\s*(?:\{[^{}]*\})*|\{[^{}]*\}")
PROSE = re.compile(r"[A-Za-z]{2,}[,;:]? [A-Za-z]{2,}")
PRICE = re.compile(r"\d.*(?:[A-Za-z]{3}|\s[A-Za-z]{2})")


def markup(text: str) -> Markup:
    """HTML of a title or a paragraph: all escaped, formulas as MathML."""
    return Markup("").join(pieces(plain(text), _as_mathml))


def markup_paragraphs(text: str) -> list[Markup]:
    return [markup(paragraph) for paragraph in paragraphs(text).split("\n\n")]


def unicode_math(text: str) -> str:
    """The same text for mail and other places without HTML; paragraphs stay."""
    return "\n\n".join("".join(pieces(p, _as_unicode)) for p in paragraphs(text).split("\n\n"))


def _as_mathml(latex: str, block: bool) -> str | None:
    read = formula(latex, block)
    return read and Markup(read[0])  # noqa: S704 - serialised from allow-listed elements


def _as_unicode(latex: str, block: bool) -> str | None:
    read = formula(latex, block)
    return read and read[1]


def pieces(text: str, render: Callable[[str, bool], str | None]) -> list[str]:
    """Prose and formulas in turn, prose first and last.

    `render` says what becomes of a formula, from its LaTeX and whether it stands on a line of its own; None:
    it stays as it was written, with its marks. Formulas are held back while the LaTeX around them is read.
    """
    if len(text) > LONGEST_LATEX:
        return [text]
    formulas: list[str] = []

    def hold(found: re.Match[str]) -> str:
        after = text[found.end() : found.end() + 1]
        if not found.lastgroup or (found.lastgroup == "single" and not _is_formula(found["single"], after)):
            return found[0]
        latex = found[found.lastgroup].strip()
        formulas.append(render(latex, found.lastgroup in ("square", "double")) or found[0])
        return HELD

    held = FORMULA.sub(hold, text) if "$" in text or "\\" in text else text
    around = prose(held).split(HELD)
    if len(around) != len(formulas) + 1:
        around = held.split(HELD)
    return [piece for pair in zip(around, [*formulas, ""], strict=True) for piece in pair]


def _is_formula(body: str, after: str) -> bool:
    """Whether $body$ is one, rather than two prices with words between them."""
    bare = COMMANDS.sub("", body)
    if PROSE.search(bare) or PRICE.match(bare):
        return False
    # "$5/$10" is money, but "$\sim$10" and "$>$10" are common
    return not after.isdigit() or bool(re.search(r"[\\^_]", body)) or not any(map(str.isalnum, body))
