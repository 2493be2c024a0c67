"""Messages from templates/mail: `NAME.subject.txt`, `NAME.txt` and `NAME.html`, which say the same."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from paperround import schema


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
    return Parts(subject, text, html)
