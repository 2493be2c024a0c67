"""The templates of a digest: the same lines as text and as HTML, styles put in line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import escape

from paperround.i18n.templates import install_messages
from paperround.mail.mime import SOFT_BREAK, quote_piece, quote_printable
from paperround.mail.templates import STYLESHEET, build_inliner, inline_styles, load_source

PLACEHOLDER: Final = re.compile(r"(\(\(\w+\)\))", re.ASCII)
PARTS_MARKER: Final = "<!-- parts -->\n"  # where they stand in the templates


class RenderedBlock(NamedTuple):
    """Some lines of a digest, in both forms; and these as they stand in a message."""

    text: str
    html: str
    quoted_text: bytes
    quoted_html: bytes

    @classmethod
    def build(cls, text: str, html: str) -> RenderedBlock:
        return cls(text, html, _quote(text), _quote(html))

    @classmethod
    def join(cls, blocks: Iterable[RenderedBlock]) -> RenderedBlock:
        texts, htmls, quoted_texts, quoted_htmls = zip(*blocks, strict=True)
        return cls("".join(texts), "".join(htmls), b"".join(quoted_texts), b"".join(quoted_htmls))

    def fill(self, values: Mapping[str, str]) -> RenderedBlock:
        """With values in the places of placeholders, each on its own: none may name the next.

        What is there already isn't encoded again, which would take longer than all else of a message.
        """
        text, html, quoted_text, quoted_html = self
        for name, value in values.items():
            place, marked_up = _placeholder(name), str(escape(value))
            text, html = text.replace(place, value), html.replace(place, marked_up)
            quoted_text = quoted_text.replace(place.encode(), quote_piece(value))
            quoted_html = quoted_html.replace(place.encode(), quote_piece(marked_up))
        return RenderedBlock(text, html, quoted_text, quoted_html)


def placeholders(*names: str) -> dict[str, str]:
    """For a template that is rendered once for many: names in place of what differs."""
    return {name: _placeholder(name) for name in names}


def _placeholder(name: str) -> str:
    return f"(({name}))"


def _quote(text: str) -> bytes:
    """Encode text so that each placeholder stands on a line of its own, where its value fits."""
    *pieces, last = PLACEHOLDER.split(text)
    return b"".join(
        (quote_piece(piece) if place % 2 == 0 else piece.encode()) + SOFT_BREAK
        for place, piece in enumerate(pieces)
    ) + quote_printable(last)


class TemplatePair(NamedTuple):
    """The same lines as text and as HTML."""

    text: Template
    html: Template

    def render(self, shown: Mapping[str, Any]) -> RenderedBlock:
        return RenderedBlock.build(self.text.render(shown), self.html.render(shown))


class DigestTemplates(NamedTuple):
    opening: TemplatePair
    part: TemplatePair
    paper: TemplatePair
    mentions: TemplatePair
    rest: TemplatePair
    list_note: TemplatePair
    end: TemplatePair

    @classmethod
    def load(cls) -> DigestTemplates:
        """HTML gets its styles here, in the template itself: once, not a message at a time."""
        plain, marked_up = _environment(autoescape=False), _environment(autoescape=True)
        css, inline = load_source(STYLESHEET), build_inliner()
        opening, end = inline_styles(load_source("digest.html")).split(PARTS_MARKER)
        text_opening, text_end = load_source("digest.txt").split(PARTS_MARKER)

        def pair(name: str) -> TemplatePair:
            html = inline.inline_fragment(load_source(f"{name}.html"), css)
            return TemplatePair(plain.from_string(load_source(f"{name}.txt")), marked_up.from_string(html))

        return cls(
            TemplatePair(plain.from_string(text_opening), marked_up.from_string(opening)),
            pair("part"),
            pair("paper"),
            pair("mentions"),
            pair("rest"),
            pair("list_note"),
            TemplatePair(plain.from_string(text_end), marked_up.from_string(end)),
        )


def _environment(*, autoescape: bool) -> Environment:
    environment = Environment(
        autoescape=autoescape,  # noqa: S701 (off for plain text alone)
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    install_messages(environment)
    return environment
