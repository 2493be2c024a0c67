"""Writes dates and numbers as the language in use does, by the Unicode CLDR (Babel)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final, Literal

from babel import dates, lists, numbers, units

from paperround.i18n.languages import ENGLISH, find_locale, get_language

MAX_REMEMBERED: Final = 2_000  # results of each function
NEVER: Final = 10**9  # more than any number of units: the one that is asked for is used
# How English writes it. Other languages write what the CLDR calls by the name beside it.
DatePattern = Literal[
    "d MMM", "d MMM y", "d MMMM", "MMMM", "MMMM y", "EEE d MMM", "EEE d MMM y", "EEEE", "EEE",
    "EEEE, d MMMM", "EEEE, d MMMM y",
]  # fmt: skip
SKELETONS: Final[dict[DatePattern, str]] = {
    "d MMM": "MMMd",
    "d MMM y": "yMMMd",
    "d MMMM": "MMMMd",
    "MMMM y": "yMMMM",
    "EEE d MMM": "MMMEd",
    "EEE d MMM y": "yMMMEd",
    "EEEE, d MMMM": "MMMMEd",
    "EEEE, d MMMM y": "yMMMMEEEEd",
}
ALONE: Final[dict[DatePattern, str]] = {"MMMM": "LLLL", "EEEE": "cccc", "EEE": "ccc"}
DAY_OF_WEEK: Final = re.compile(r"E+")


def format_date(day: date, pattern: DatePattern) -> str:
    """Write a day, or what the pattern names of it: `22 Nov`, `22. Nov.` or `11月22日`."""
    return _format_date(day, pattern, get_language())


@lru_cache(maxsize=MAX_REMEMBERED)
def _format_date(day: date, pattern: DatePattern, language: str) -> str:
    return dates.format_date(day, _find_pattern(pattern, language), locale=find_locale(language))


@lru_cache(maxsize=MAX_REMEMBERED)
def _find_pattern(pattern: DatePattern, language: str) -> str:
    if language == ENGLISH or pattern in ALONE:
        return ALONE.get(pattern, pattern)
    locale = find_locale(language)
    skeleton = SKELETONS[pattern]
    if skeleton not in locale.datetime_skeletons:
        skeleton = dates.match_skeleton(skeleton, locale.datetime_skeletons) or skeleton
    found = locale.datetime_skeletons[skeleton].pattern
    return DAY_OF_WEEK.sub("EEEE", found) if pattern.startswith("EEEE") else found


def list_days_of_week() -> list[tuple[str, str]]:
    """List the days of a week from Monday: their names and their shortest names."""
    locale = find_locale(get_language())
    names, short = locale.days["stand-alone"]["wide"], locale.days["stand-alone"]["short"]
    return [(names[day], short[day]) for day in range(7)]


def format_days(first: date, last: date) -> str:
    """Write a span of days: `16–22 November`."""
    return str(dates.format_interval(first, last, "MMMMd", locale=find_locale(get_language())))


def format_time(moment: datetime) -> str:
    """Write a moment's day and time in its own time zone: `22 Nov 2026, 14:05`."""
    joined = str(find_locale(get_language()).datetime_formats["medium"])
    return joined.format(f"{moment:%H:%M}", format_date(moment.date(), "d MMM y"))


Unit = Literal["day", "hour", "minute"]


def format_span(number: int, unit: Unit) -> str:
    """Write how long ago something was, or with a negative number in how long it will be: `3 hours ago`."""
    return _format_span(number, unit, get_language())


@lru_cache(maxsize=MAX_REMEMBERED)
def _format_span(number: int, unit: Unit, language: str) -> str:
    span = timedelta(**{f"{unit}s": -number})
    return dates.format_timedelta(
        span, granularity=unit, threshold=NEVER, add_direction=True, locale=find_locale(language)
    )


def format_duration(number: float, unit: Unit) -> str:
    """Write a duration: `36.5 hours`."""
    return units.format_unit(number, f"duration-{unit}", locale=find_locale(get_language()))


def format_number(number: float) -> str:
    """Write a number with its thousands grouped: `12,340`."""
    return _format_number(number, get_language())


@lru_cache(maxsize=MAX_REMEMBERED, typed=True)
def _format_number(number: float, language: str) -> str:
    return numbers.format_decimal(number, locale=find_locale(language))


def format_compact(number: int) -> str:
    """Write a number in few characters: `312`, `1.2K` or `24K`."""
    return _format_compact(number, get_language())


@lru_cache(maxsize=MAX_REMEMBERED)
def _format_compact(number: int, language: str) -> str:
    locale, digits = find_locale(language), 1 if number < 10_000 else 0
    compact = numbers.format_compact_decimal(number, fraction_digits=digits, locale=locale)
    # Some languages have no short form of thousands.
    return numbers.format_decimal(number, locale=locale) if compact == str(number) else compact


def format_percent(share: float) -> str:
    """Write a share as a whole percentage: `84%`."""
    return numbers.format_percent(share, format=None, locale=find_locale(get_language()))


def format_list(items: Sequence[str]) -> str:
    """Write a list in a sentence: `a, b and c`."""
    return lists.format_list(items, locale=find_locale(get_language()))


def format_alternatives(items: Sequence[str]) -> str:
    """Write a choice in a sentence: `a, b or c`."""
    return lists.format_list(items, style="or", locale=find_locale(get_language()))
