"""Dates and numbers in each language."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import get_args

import pytest

from paperround.i18n import formats
from paperround.i18n.languages import list_languages, using_language

DAY = date(2026, 11, 3)
MOMENT = datetime(2026, 11, 3, 15, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("write", "english", "german", "chinese"),
    [
        (lambda: formats.format_date(DAY, "d MMM"), "3 Nov", "3. Nov.", "11月3日"),
        (lambda: formats.format_date(DAY, "d MMM y"), "3 Nov 2026", "3. Nov. 2026", "2026年11月3日"),
        (
            lambda: formats.format_date(DAY, "EEEE, d MMMM"),
            "Tuesday, 3 November",
            "Dienstag, 3. November",
            "11月3日星期二",
        ),
        (lambda: formats.format_date(DAY, "MMMM"), "November", "November", "十一月"),
        (
            lambda: formats.format_days(DAY, DAY.replace(day=9)),
            "3\u2009–\u20099 November",
            "3.–9. November",
            "11月3–9日",
        ),
        (
            lambda: formats.format_time(MOMENT),
            "3 Nov 2026, 15:04",
            "3. Nov. 2026, 15:04",
            "2026年11月3日 15:04",
        ),
        (lambda: formats.format_span(3, "hour"), "3 hours ago", "vor 3 Stunden", "3小时前"),
        (lambda: formats.format_span(90, "minute"), "90 minutes ago", "vor 90 Minuten", "90分钟前"),
        (lambda: formats.format_span(-1, "day"), "in 1 day", "in 1 Tag", "1天后"),
        (lambda: formats.format_duration(36.5, "hour"), "36.5 hours", "36,5 Stunden", "36.5小时"),
        (lambda: formats.format_number(12_340), "12,340", "12.340", "12,340"),
        (lambda: formats.format_compact(1_250), "1.2k", "1.250", "1,250"),
        (lambda: formats.format_compact(24_900), "25k", "24.900", "2万"),
        (lambda: formats.format_percent(0.84), "84%", "84\u00a0%", "84%"),
        (lambda: formats.format_list(["a", "b", "c"]), "a, b and c", "a, b und c", "a、b和c"),
    ],
)
def test_dates_and_numbers_are_written_as_each_language_does(
    write: Callable[[], str], english: str, german: str, chinese: str
) -> None:
    written = []
    for language in ("en", "de", "zh-Hans"):
        with using_language(language):
            written.append(write())
    assert written == [english, german, chinese]


@pytest.mark.parametrize("language", list_languages())
@pytest.mark.parametrize("pattern", get_args(formats.DatePattern))
def test_each_language_has_each_pattern(language: str, pattern: formats.DatePattern) -> None:
    with using_language(language):
        written = formats.format_date(DAY, pattern)
    assert any(part in written for part in ("3", "Nov", "十一月", "11", "Tue", "Di", "周二", "星期二"))


def test_a_week_begins_on_monday() -> None:
    with using_language("de"):
        assert formats.list_days_of_week()[0] == ("Montag", "Mo.")
