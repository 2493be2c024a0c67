"""Messages from templates/mail: `NAME.subject.txt`, `NAME.txt` and `NAME.html`, which say the same."""

from __future__ import annotations

from functools import cache
from typing import Final, NamedTuple

import css_inline
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from paperround import schema

STYLES: Final = "digest.css"  # of all mail
MEDIA: Final = "digest.media.css"  # what depends on the screen can't stand in line


class Parts(NamedTuple):
    subject: str
    text: str
    html: str


@cache
def environment() -> Environment:
    """Escapes in HTML alone: the text of a message isn't read by a browser."""
    return Environment(
        loader=FileSystemLoader(schema.project_file("templates") / "mail"),
        autoescape=select_autoescape(["html"], default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def rendered(name: str, **shown: object) -> Parts:
    endings = ("subject.txt", "txt", "html")
    subject, text, html = (
        environment().get_template(f"{name}.{ending}").render(**shown) for ending in endings
    )
    return Parts(subject, text, styled(html))


def source(name: str) -> str:
    return (schema.project_file("templates") / "mail" / name).read_text(encoding="utf-8")


def inliner() -> css_inline.CSSInliner:
    return css_inline.CSSInliner(load_remote_stylesheets=False)


def styled(html: str) -> str:
    """A whole document with its styles in line: many mail programs read no others."""
    inlined = inliner().inline(html.replace("</head>", f"<style>{source(STYLES)}</style></head>"))
    return inlined.replace("</head>", f"<style>{source(MEDIA)}</style>\n</head>")
