"""Makes text from outside safe: plain lines and paragraphs, and HTML or Unicode of texts with formulas.

These are pure functions, and none of them raises an error for any text. `latex.py` reads the LaTeX itself.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from markupsafe import Markup

from paperround.text.latex import INVISIBLE, PLACEHOLDER, render_formula, render_prose

MAX_LATEX_LENGTH = 10_000  # a longer text is no abstract; its formulas are not rendered, to bound the time

MAX_FORMULAS_IN_TEXT = 1_500  # characters of LaTeX; abstracts seldom have more than 300
MAX_FORMULAS_ON_PAGE = 6_000
FORMULA_COST = 20  # characters: what a formula costs besides its length

BLANK_LINE = re.compile(r"(?:\r\n?|\n)[^\S\r\n]*(?:\r\n?|\n)\s*")


def to_plain_text(text: str) -> str:
    """Reduce a text to one line without control characters, for titles and names."""
    visible = INVISIBLE.sub("", " ".join(text.split()))
    return " ".join(unicodedata.normalize("NFC", visible).split())


def to_plain_paragraphs(text: str) -> str:
    """Reduce each paragraph to one line, for abstracts. One blank line separates paragraphs."""
    return "\n\n".join(filter(None, map(to_plain_text, BLANK_LINE.split(text))))


# Finds formulas. A formula cannot contain its own opening delimiter, so that the search takes linear time.

FORMULA = re.compile(
    r"\\\((?P<round>(?:[^\\]|\\[^()]){1,2000}+)\\\)|\\\[(?P<square>(?:[^\\]|\\[^\[\]]){1,2000}+)\\\]|\\."
    r"|\$\$(?P<double>(?:[^\\$]|\\.){1,2000}+)\$\$|\$(?!\s)(?P<single>(?:[^\\$]|\\.){1,2000}+)(?<!\s)\$"
)
COMMANDS = re.compile(r"\\[A-Za-z]+\s*(?:\{[^{}]*\})*|\{[^{}]*\}")
PROSE = re.compile(r"[A-Za-z]{2,}[,;:]? [A-Za-z]{2,}")
PRICE = re.compile(r"\d.*(?:[A-Za-z]{3}|\s[A-Za-z]{2})")


class FormulaBudget:
    """How much of a text's formulas is rendered, and with `page` of all texts of a page together.

    Rendering takes about 0.1 ms for a character of LaTeX, and as much for a formula as for 20 more. Once a
    formula is past the budget, it and those after it stay as they were written.
    """

    def __init__(self, characters: int = MAX_FORMULAS_IN_TEXT, page: FormulaBudget | None = None) -> None:
        self._left = characters
        self._page = page

    def take(self, latex: str) -> bool:
        """Take what rendering this formula costs. Returns False if that is more than is left."""
        self._left -= len(latex) + FORMULA_COST
        return self._left >= 0 and (self._page is None or self._page.take(latex))


def page_budget() -> FormulaBudget:
    """Make the budget that the texts of one page, or of another document, share."""
    return FormulaBudget(MAX_FORMULAS_ON_PAGE)


def render_html(text: str, page: FormulaBudget | None = None) -> Markup:
    """Render a title or a paragraph as HTML: text is escaped, formulas become MathML."""
    return Markup("").join(render_formulas(to_plain_text(text), _as_mathml, FormulaBudget(page=page)))


def render_html_paragraphs(text: str, page: FormulaBudget | None = None) -> list[Markup]:
    """Render each paragraph as HTML."""
    budget = FormulaBudget(page=page)
    return [
        Markup("").join(render_formulas(paragraph, _as_mathml, budget))
        for paragraph in to_plain_paragraphs(text).split("\n\n")
    ]


def render_unicode(text: str, page: FormulaBudget | None = None) -> str:
    """Render a text with formulas in Unicode, for mail and other places without HTML. Paragraphs are kept."""
    budget = FormulaBudget(page=page)
    return "\n\n".join(
        "".join(render_formulas(paragraph, _as_unicode, budget))
        for paragraph in to_plain_paragraphs(text).split("\n\n")
    )


# Characters that Markdown reads as markup, and those that do so at the start of a paragraph. An underscore
# within a word is none.
MARKDOWN = re.compile(r"[\\`*\[\]<>&|~#]|(?<!\w)_|_(?!\w)")
MARKDOWN_BLOCK = re.compile(r"^(\s*)([-+=]|\d+(?=[.)]))", re.MULTILINE)


def render_markdown(text: str) -> str:
    """Render a text as Markdown that shows just that text: formulas are Unicode, and markup is escaped."""
    escaped = MARKDOWN.sub(r"\\\g<0>", render_unicode(text))
    return MARKDOWN_BLOCK.sub(_escape_block, escaped)


def _escape_block(mark: re.Match[str]) -> str:
    return f"{mark[1]}{mark[2]}\\" if mark[2].isdigit() else f"{mark[1]}\\{mark[2]}"


def _as_mathml(latex: str, block: bool) -> str | None:
    rendered = render_formula(latex, block)
    return rendered and Markup(rendered[0])  # noqa: S704 - serialised from allow-listed elements


def _as_unicode(latex: str, block: bool) -> str | None:
    rendered = render_formula(latex, block)
    return rendered and rendered[1]


def render_formulas(text: str, render: Callable[[str, bool], str | None], budget: FormulaBudget) -> list[str]:
    """Split a text into prose and rendered formulas, in turn. Prose comes first and last.

    `render` gets the LaTeX of a formula and whether it is displayed on its own line. If it returns None, or
    the formula is past the budget, the formula stays as it was written. Placeholders replace the formulas
    while the prose around them is rendered.
    """
    if len(text) > MAX_LATEX_LENGTH:
        return [text]
    formulas: list[str] = []

    def replace_formula(match: re.Match[str]) -> str:
        next_character = text[match.end() : match.end() + 1]
        if not match.lastgroup or (
            match.lastgroup == "single" and not _is_formula(match["single"], next_character)
        ):
            return match[0]
        latex = match[match.lastgroup].strip()
        is_block = match.lastgroup in ("square", "double")
        formulas.append((budget.take(latex) and render(latex, is_block)) or match[0])
        return PLACEHOLDER

    prose = FORMULA.sub(replace_formula, text) if "$" in text or "\\" in text else text
    prose_parts = render_prose(prose).split(PLACEHOLDER)
    if len(prose_parts) != len(formulas) + 1:
        prose_parts = prose.split(PLACEHOLDER)
    return [piece for pair in zip(prose_parts, [*formulas, ""], strict=True) for piece in pair]


def _is_formula(body: str, next_character: str) -> bool:
    """Tell whether $body$ is a formula, rather than two prices with words between them."""
    bare = COMMANDS.sub("", body)
    if PROSE.search(bare) or PRICE.match(bare):
        return False
    # "$5/$10" is money, but "$\sim$10" and "$>$10" are common
    return not next_character.isdigit() or bool(re.search(r"[\\^_]", body)) or not any(map(str.isalnum, body))
