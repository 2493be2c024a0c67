"""Brings messages, dates and numbers to Jinja: `{% trans %}`, `_()`, and the filters below."""

from __future__ import annotations

from collections.abc import Iterable

from jinja2 import Environment, pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

from paperround.i18n import formats
from paperround.i18n.messages import find_message, find_plural


def install_messages(environment: Environment) -> None:
    """Let an environment's templates speak the language in use, whichever that is while they are rendered.

    What a template sets outside of its blocks and macros may be kept by Jinja, so no message belongs there.
    """
    environment.add_extension("jinja2.ext.i18n")
    environment.policies["ext.i18n.trimmed"] = True
    environment.newstyle_gettext = True  # type: ignore[attr-defined]
    environment.globals.update(
        _=_translate,
        gettext=_translate,
        pgettext=_translate_in_context,
        ngettext=_translate_plural,
        days_of_week=formats.list_days_of_week,
    )
    environment.filters.update(
        date=formats.format_date,
        number=formats.format_number,
        count=formats.format_compact,
        percent=formats.format_percent,
        enumeration=enumerate_html,
        isolated=isolate,
        translated=find_message,
    )


def gettext_html(message: str, /, **values: object) -> Markup:
    """Translate a message that is HTML, and fill in its values, escaped where they aren't HTML themselves."""
    return Markup(find_message(message)) % values  # noqa: S704 (ours)


def enumerate_html(parts: Iterable[str]) -> Markup:
    """Write a list in a sentence as HTML: `a, b and c`."""
    return Markup(formats.format_list([str(escape(part)) for part in parts]))  # noqa: S704 (escaped)


def isolate(name: str) -> Markup:
    """Write a name as HTML that may be in a script of the other direction."""
    return Markup("<bdi>{}</bdi>").format(name)


@pass_context
def _translate(context: Context, message: str, /, **values: object) -> str:
    return _fill(context, find_message(message), values)


@pass_context
def _translate_in_context(context: Context, place: str, message: str, /, **values: object) -> str:
    return _fill(context, find_message(message, place), values)


@pass_context
def _translate_plural(context: Context, one: str, many: str, num: float, /, **values: object) -> str:
    return _fill(context, find_plural(one, many, num), {"num": formats.format_number(num), **values})


def _fill(context: Context, message: str, values: dict[str, object]) -> str:
    """Fill in values, escaped where the template escapes. A catalogue's own markup stands as it is."""
    text = Markup(message) if context.eval_ctx.autoescape else message  # noqa: S704 (ours)
    return text % values if "%" in message else text
