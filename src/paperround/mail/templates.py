"""Renders messages from templates/mail: `NAME.subject.txt`, `NAME.txt` and `NAME.html`."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from paperround import schema
from paperround.i18n.languages import find_direction, get_language
from paperround.i18n.templates import install_messages

if TYPE_CHECKING:
    from css_inline import CSSInliner

STYLESHEET: Final = "digest.css"  # of all mail
MEDIA_STYLESHEET: Final = "digest.media.css"  # media queries can't be inlined


class RenderedMail(NamedTuple):
    """The parts of a message. Text and HTML say the same."""

    subject: str
    text: str
    html: str


@cache
def get_environment() -> Environment:
    """Build the Jinja environment. It escapes in HTML only, because no browser reads the plain text."""
    environment = Environment(
        loader=FileSystemLoader(schema.project_file("templates") / "mail"),
        autoescape=select_autoescape(["html"], default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    install_messages(environment)
    return environment


def render_mail(name: str, **variables: object) -> RenderedMail:
    """Render the three templates of a message in the language in use."""
    language = get_language()
    variables |= {"language": language, "direction": find_direction(language)}
    endings = ("subject.txt", "txt", "html")
    subject, text, html = (
        get_environment().get_template(f"{name}.{ending}").render(**variables) for ending in endings
    )
    return RenderedMail(subject, text, inline_styles(html))


def load_source(name: str) -> str:
    """Load the text of a file in templates/mail."""
    return (schema.project_file("templates") / "mail" / name).read_text(encoding="utf-8")


def build_inliner() -> CSSInliner:
    """Build an inliner that loads nothing from the network."""
    import css_inline  # large, and few processes write mail

    return css_inline.CSSInliner(load_remote_stylesheets=False)


def inline_styles(html: str) -> str:
    """Inline the styles of a whole document, because many mail programs read no others."""
    inlined = build_inliner().inline(
        html.replace("</head>", f"<style>{load_source(STYLESHEET)}</style></head>")
    )
    return inlined.replace("</head>", f"<style>{load_source(MEDIA_STYLESHEET)}</style>\n</head>")
