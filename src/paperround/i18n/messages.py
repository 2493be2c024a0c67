"""Translates messages into the language in use, by gettext.

A message is English as it stands in the source, with names for what is filled in:
`gettext("%(site)s by mail", site="Paperround")`. It is always a format string, so a percent sign is written
twice. `languages.py` says which language is in use.
"""

from __future__ import annotations

import gettext as catalogues
from functools import cache
from io import BytesIO

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from paperround.i18n.formats import format_number
from paperround.i18n.languages import CATALOGUES, ENGLISH, get_language


@cache
def load_catalogue(language: str) -> catalogues.NullTranslations:
    """Load the catalogue of a language from its .po file, once a process. English has none."""
    if language == ENGLISH:
        return catalogues.NullTranslations()
    compiled = BytesIO()
    with (CATALOGUES / f"{language}.po").open("rb") as file:
        write_mo(compiled, read_po(file, locale=language.replace("-", "_")))
    compiled.seek(0)
    return catalogues.GNUTranslations(compiled)


def find_message(message: str, context: str = "") -> str:
    """Translate a message without filling anything in. No message is ''."""
    if not message:
        return ""  # gettext has its head there
    catalogue = load_catalogue(get_language())
    return catalogue.pgettext(context, message) if context else catalogue.gettext(message)


def find_plural(one: str, many: str, number: float) -> str:
    """Translate a message whose form depends on a number, without filling anything in."""
    # A fraction takes the plural in the languages that distinguish it from its whole part.
    return load_catalogue(get_language()).ngettext(one, many, number if number == int(number) else 2)  # type: ignore[arg-type]


def gettext(message: str, /, **values: object) -> str:
    """Translate a message and fill in its values."""
    return find_message(message) % values


def pgettext(context: str, message: str, /, **values: object) -> str:
    """Translate a message that means different things in different places; `context` tells where."""
    return find_message(message, context) % values


def ngettext(one: str, many: str, number: float, /, **values: object) -> str:
    """Translate a message whose form depends on a number, which it may show as `%(num)s`."""
    return find_plural(one, many, number) % {"num": format_number(number), **values}


def mark_message(message: str) -> str:
    """Mark a message for the catalogues, to be translated where it is shown."""
    return message
