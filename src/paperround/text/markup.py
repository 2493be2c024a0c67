"""Renders titles and abstracts as HTML, as a line of Unicode, and as Markdown.

These are pure functions, and none of them raises an error for any text. `reading.py` reads the LaTeX.
"""

from __future__ import annotations

import re

from markupsafe import Markup, escape

from paperround.text.addresses_in_text import split_addresses
from paperround.text.reading import FormulaBudget, Reading, read_latex

# Characters that Markdown reads as markup, and those that do so at the start of a paragraph. An underscore
# within a word is none.
MARKDOWN = re.compile(r"[\\`*\[\]<>&|~#]|(?<!\w)_|_(?!\w)")
LINK = Markup('<a href="{}" rel="nofollow noopener">{}</a>')
MARKDOWN_BLOCK = re.compile(r"^(\s*)([-+=]|\d+(?=[.)]))", re.MULTILINE)


def render_html(text: str, page: FormulaBudget | None = None) -> Markup:
    """Render a title or a paragraph as HTML: text is escaped, formulas become MathML."""
    return write_html(read_latex(" ".join(text.split()), page))


def write_html(reading: Reading) -> Markup:
    """Write one line of a reading as HTML."""
    return Markup("").join(
        escape(part) if isinstance(part, str) else Markup(part.mathml)  # noqa: S704 - of allow-listed elements
        for part in reading.split()
    )


def write_html_paragraphs(reading: Reading) -> list[Markup]:
    """Write each paragraph of a reading as HTML, with addresses as links. A text without words has none."""
    return [_write_linked(paragraph) for paragraph in reading.paragraphs() if paragraph.text]


def _write_linked(reading: Reading) -> Markup:
    return Markup("").join(
        _link_addresses(part) if isinstance(part, str) else Markup(part.mathml)  # noqa: S704 - as above
        for part in reading.split()
    )


def _link_addresses(text: str) -> Markup:
    return Markup("").join(
        LINK.format(address, piece) if address else escape(piece) for piece, address in split_addresses(text)
    )


def render_unicode(text: str, page: FormulaBudget | None = None) -> str:
    """Render a text with formulas in Unicode, for mail and other places without HTML. Paragraphs are kept."""
    return read_latex(text, page).text


def escape_markdown(text: str) -> str:
    """Write plain text as Markdown that shows just that text."""
    return MARKDOWN_BLOCK.sub(_escape_block, MARKDOWN.sub(r"\\\g<0>", text))


def _escape_block(mark: re.Match[str]) -> str:
    return f"{mark[1]}{mark[2]}\\" if mark[2].isdigit() else f"{mark[1]}\\{mark[2]}"
