"""Which languages the interface has, and which one is in use: English, and one for each catalogue.

A language is named by its tag as in HTML's `lang` (BCP 47), such as `de` or `zh-Hans`. The language in use
belongs to the task that runs (a context variable): a request's, or one mail's. Without one it is English, as
it is for programs, logs and the command line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, lru_cache
from pathlib import Path
from typing import Final, cast

from babel import localedata
from babel.core import Locale, get_global

ENGLISH: Final = "en"
CATALOGUES: Final = Path(__file__).parent / "catalogues"
LOCALE_OF_ENGLISH: Final = "en_GB"  # the day precedes the month
MAX_PREFERENCES: Final = 30  # entries of a header that are read
MAX_HEADER_LENGTH: Final = 500  # characters
PREFERENCE: Final = re.compile(
    r"\s*([A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8}){0,3}|\*)\s*(?:;\s*q\s*=\s*([01](?:\.\d{0,3})?|\.\d{1,3})\s*)?"
)
# What the CLDR knows besides, and nothing here says: half of what Babel would keep of each language.
UNUSED_SECTIONS: Final = (
    "compact_currency_formats", "compound_unit_patterns", "currency_formats", "currency_names",
    "currency_names_plural", "currency_symbols", "currency_unit_patterns", "meta_zones", "time_zones",
    "unit_display_names",
)  # fmt: skip
UNUSED_TABLES: Final = (
    "all_currencies", "territory_currencies", "territory_languages", "territory_zones",
    "windows_zone_mapping",
)  # fmt: skip
USED_UNITS: Final = "duration-"
_in_use: Final[ContextVar[str]] = ContextVar("language", default=ENGLISH)


def get_language() -> str:
    """Return the tag of the language in use."""
    return _in_use.get()


def set_language(language: str) -> None:
    """Use a language for the rest of the task, or until `using_language` ends around it."""
    _in_use.set(language)


@contextmanager
def using_language(language: str) -> Iterator[None]:
    token = _in_use.set(language)
    try:
        yield
    finally:
        _in_use.reset(token)


@cache
def list_languages() -> Mapping[str, str]:
    """List the interface's languages: their tags with their own names. English comes first."""
    tags = [ENGLISH, *sorted(file.stem for file in CATALOGUES.glob("*.po"))]
    return {tag: _own_name(_load_locale(tag.replace("-", "_"))) for tag in tags}


def _own_name(locale: Locale) -> str:
    name = locale.languages.get(str(locale)) or locale.get_display_name() or str(locale)
    return str(name)


def choose_stored(*stored: str | None) -> str:
    """Choose the first of the stored languages that the interface still has, or else English."""
    return next((language for language in stored if language in list_languages()), None) or ENGLISH


@cache
def find_locale(language: str) -> Locale:
    """Find the CLDR's locale of a language of the interface."""
    return _load_locale(LOCALE_OF_ENGLISH if language == ENGLISH else language.replace("-", "_"))


def _load_locale(identifier: str) -> Locale:
    """Load a locale, and forget what nothing here says of it and of those that it inherits from.

    Babel keeps for good what it has loaded, some 6 MB for English and German, and hands out what it keeps.
    """
    locale = Locale.parse(identifier)
    parents = get_global("parent_exceptions")
    name = str(locale)
    while name:
        kept = localedata.load(name)
        for section in UNUSED_SECTIONS:
            kept.pop(section, None)
        units = kept.get("unit_patterns", {})
        for unit in [unit for unit in units if not unit.startswith(USED_UNITS)]:
            del units[unit]
        name = "" if name == "root" else parents.get(name) or name.rpartition("_")[0] or "root"
    for table in UNUSED_TABLES:
        cast(dict[str, object], get_global(table)).clear()
    return locale


def find_direction(language: str) -> str:
    """Tell how a language is written: `ltr` or `rtl`."""
    return find_locale(language).text_direction


@lru_cache(maxsize=1000)
def choose_language(accept_language: str) -> str:
    """Choose the language that an `Accept-Language` header prefers (RFC 9110, 12.5.4), or else English.

    A language fits whatever its region is, as long as it is written in the same script: `zh` and `zh-SG` are
    Simplified Chinese, `zh-TW` is not.
    """
    weighed: dict[str, float] = {}
    for entry in accept_language[:MAX_HEADER_LENGTH].split(",")[:MAX_PREFERENCES]:
        told = PREFERENCE.fullmatch(entry)
        if told:
            weighed.setdefault(told[1], float(told[2] or 1))
    for tag in sorted(weighed, key=lambda tag: -weighed[tag]):
        found = _find_language(tag) if weighed[tag] else None
        if found is not None:
            return found
    return ENGLISH


def _find_language(tag: str) -> str | None:
    if tag == "*":
        return ENGLISH
    wanted = _find_script(tag)
    return next((language for language in list_languages() if _find_script(language) == wanted), None)


def _find_script(tag: str) -> tuple[str, str]:
    """Return a tag's language and script; where the tag names none, the likely one (CLDR)."""
    language, *rest = tag.split("-")
    language = language.lower()
    script = next((part.title() for part in rest if len(part) == 4 and part.isalpha()), "")
    region = next((part.upper() for part in rest if len(part) == 2 and part.isalpha()), "")
    if not script:
        likely = get_global("likely_subtags")
        full = likely.get(f"{language}_{region}") or likely.get(language) or ""
        script = next((part for part in full.split("_") if len(part) == 4), "")
    return language, script
