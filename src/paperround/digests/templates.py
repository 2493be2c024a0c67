"""The templates of a digest: the same lines as text and as HTML, styles put in line."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any, AnyStr, Final, Generic, NamedTuple

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import escape

from paperround.i18n.templates import install_messages
from paperround.mail.mime import SOFT_BREAK, quote_piece, quote_printable
from paperround.mail.templates import STYLESHEET, build_inliner, inline_styles, load_source

PLACEHOLDER: Final = re.compile(r"\(\((\w+)\)\)", re.ASCII)
QUOTED_VALUE_CACHE_SIZE: Final = 1000  # reasons, which readers share, and links, which a message repeats
PARTS_MARKER: Final = "<!-- parts -->\n"  # where they stand in the templates


class Form(NamedTuple, Generic[AnyStr]):
    """Lines in one form: the pieces that are fixed, and between each two of them what is put in there."""

    pieces: tuple[AnyStr, ...]
    names: tuple[str, ...]

    @classmethod
    def join(cls, forms: Iterable[Form[AnyStr]]) -> Form[AnyStr]:
        """Join forms. Each begins where the one before ends."""
        pieces: list[AnyStr] = []
        names: list[str] = []
        for form in forms:
            first, *others = form.pieces
            if pieces:
                first = pieces.pop() + first
            pieces.extend((first, *others))
            names.extend(form.names)
        return cls(tuple(pieces), tuple(names))

    def fill(self, values: Iterable[AnyStr]) -> AnyStr:
        """Put a value in each place. What a value says is never taken for a place."""
        empty = self.pieces[0][:0]
        filled = [empty] * (2 * len(self.names) + 1)
        filled[::2] = self.pieces
        filled[1::2] = values
        return empty.join(filled)

    def fill_some(self, values: Iterable[AnyStr | None]) -> Form[AnyStr]:
        """Put values in, and leave the places whose value is None to be filled later."""
        pieces, names = [self.pieces[0]], []
        for name, value, piece in zip(self.names, values, self.pieces[1:], strict=True):
            if value is None:
                names.append(name)
                pieces.append(piece)
            else:
                pieces[-1] += value + piece
        return Form(tuple(pieces), tuple(names))


class RenderedBlock(NamedTuple):
    """Some lines of a digest, in both forms; and these as they stand in a message."""

    text: Form[str]
    html: Form[str]
    quoted_text: Form[bytes]
    quoted_html: Form[bytes]

    @classmethod
    def build(cls, text: str, html: str) -> RenderedBlock:
        return cls(_split(text), _split(html), _quote(text), _quote(html))

    @classmethod
    def join(cls, blocks: Iterable[RenderedBlock]) -> RenderedBlock:
        texts, htmls, quoted_texts, quoted_htmls = zip(*blocks, strict=True)
        return cls(Form.join(texts), Form.join(htmls), Form.join(quoted_texts), Form.join(quoted_htmls))

    def fill(self, values: Mapping[str, str] | None = None) -> FilledBlock:
        """With values in the places of placeholders. One without a value stays as it is written."""
        return FilledBlock(self, values or {})


class FilledBlock(NamedTuple):
    """A block with what is one reader's own, put in for that form alone that is asked for.

    What is there already isn't encoded again, which would take longer than all else of a message.
    """

    block: RenderedBlock
    values: Mapping[str, str]

    @property
    def text(self) -> str:
        return self._fill(self.block.text, str)

    @property
    def html(self) -> str:
        return self._fill(self.block.html, _escape)

    @property
    def quoted_text(self) -> bytes:
        return self._fill(self.block.quoted_text, _quote_value)

    @property
    def quoted_html(self) -> bytes:
        return self._fill(self.block.quoted_html, _quote_escaped)

    def keep(self, names: Collection[str]) -> RenderedBlock:
        """The block with its values put in, but for those of these names: they stay places."""
        kept = self.values.keys() & names

        def fill(form: Form[AnyStr], encode: Callable[[str], AnyStr]) -> Form[AnyStr]:
            return form.fill_some(None if name in kept else encode(self._find(name)) for name in form.names)

        text, html, quoted_text, quoted_html = self.block
        return RenderedBlock(
            fill(text, str),
            fill(html, _escape),
            fill(quoted_text, _quote_value),
            fill(quoted_html, _quote_escaped),
        )

    def _fill(self, form: Form[AnyStr], encode: Callable[[str], AnyStr]) -> AnyStr:
        if not form.names:
            return form.pieces[0]
        return form.fill([encode(self._find(name)) for name in form.names])

    def _find(self, name: str) -> str:
        return self.values[name] if name in self.values else _placeholder(name)


def _escape(value: str) -> str:
    return str(escape(value))


@lru_cache(maxsize=QUOTED_VALUE_CACHE_SIZE)
def _quote_value(value: str) -> bytes:
    return quote_piece(value)


@lru_cache(maxsize=QUOTED_VALUE_CACHE_SIZE)
def _quote_escaped(value: str) -> bytes:
    return _quote_value(_escape(value))  # mostly the same as in text


def placeholders(*names: str) -> dict[str, str]:
    """For a template that is rendered once for many: names in place of what differs."""
    return {name: _placeholder(name) for name in names}


def _placeholder(name: str) -> str:
    return f"(({name}))"


def _split(text: str) -> Form[str]:
    pieces = PLACEHOLDER.split(text)
    return Form(tuple(pieces[::2]), tuple(pieces[1::2]))


def _quote(text: str) -> Form[bytes]:
    """Encode text so that each value stands on a line of its own, where it fits."""
    (*pieces, last), names = _split(text)
    quoted = [quote_piece(piece) + SOFT_BREAK for piece in pieces] + [quote_printable(last)]
    return Form((quoted[0], *(SOFT_BREAK + piece for piece in quoted[1:])), names)


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
