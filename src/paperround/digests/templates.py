"""The templates of a digest: the same lines as text and as HTML, styles put in line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import escape

from paperround.mail.mime import quoted
from paperround.mail.templates import STYLES, inliner, source, styled

PARTS: Final = "<!-- parts -->\n"  # where they stand in the templates


class Block(NamedTuple):
    """Some lines of a digest, in both forms; and these as they stand in a message."""

    text: str
    html: str
    quoted_text: bytes
    quoted_html: bytes

    @classmethod
    def of(cls, text: str, html: str) -> Block:
        return cls(text, html, quoted(text), quoted(html))

    @classmethod
    def joined(cls, blocks: Iterable[Block]) -> Block:
        texts, htmls, quoted_texts, quoted_htmls = zip(*blocks, strict=True)
        return cls("".join(texts), "".join(htmls), b"".join(quoted_texts), b"".join(quoted_htmls))

    def filled(self, values: Mapping[str, str]) -> Block:
        """With values in the places that `placed` names left, each on its own: none may name the next."""
        text, html = self.text, self.html
        for name, value in values.items():
            text, html = text.replace(_place(name), value), html.replace(_place(name), str(escape(value)))
        return Block.of(text, html)


def placed(*names: str) -> dict[str, str]:
    """For a template that is rendered once for many: names in place of what differs."""
    return {name: _place(name) for name in names}


def _place(name: str) -> str:
    return f"(({name}))"


class Pair(NamedTuple):
    """The same lines as text and as HTML."""

    text: Template
    html: Template

    def render(self, shown: Mapping[str, Any]) -> Block:
        return Block.of(self.text.render(shown), self.html.render(shown))


class Templates(NamedTuple):
    opening: Pair
    part: Pair
    paper: Pair
    rest: Pair
    end: Pair

    @classmethod
    def load(cls) -> Templates:
        """HTML gets its styles here, in the template itself: once, not a message at a time."""
        plain, marked_up = _environment(autoescape=False), _environment(autoescape=True)
        css, inline = source(STYLES), inliner()
        opening, end = styled(source("digest.html")).split(PARTS)
        text_opening, text_end = source("digest.txt").split(PARTS)

        def pair(name: str) -> Pair:
            html = inline.inline_fragment(source(f"{name}.html"), css)
            return Pair(plain.from_string(source(f"{name}.txt")), marked_up.from_string(html))

        return cls(
            Pair(plain.from_string(text_opening), marked_up.from_string(opening)),
            pair("part"),
            pair("paper"),
            pair("rest"),
            Pair(plain.from_string(text_end), marked_up.from_string(end)),
        )


def _environment(*, autoescape: bool) -> Environment:
    return Environment(
        autoescape=autoescape,  # noqa: S701 (off for plain text alone)
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
