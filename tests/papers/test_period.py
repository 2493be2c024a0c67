"""The days of editions, and their keys in URLs."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperround.papers.period import EditionPeriod, Period, PeriodInvalid

periods = st.sampled_from(Period)


@given(periods, st.dates(date(1, 1, 1), date(9999, 11, 30)))
def test_every_day_lies_in_its_edition_and_the_editions_key_leads_back_to_it(
    period: Period, day: date
) -> None:
    span = EditionPeriod.containing(period, day)
    assert span.first <= day <= span.last
    assert EditionPeriod.parse(period, span.key) == span
    assert {EditionPeriod.containing(period, span.first), EditionPeriod.containing(period, span.last)} == {
        span
    }


@given(periods, st.dates(date(1, 2, 1), date(9999, 10, 31)))
def test_editions_follow_each_other_without_gap(period: Period, day: date) -> None:
    span = EditionPeriod.containing(period, day)
    assert EditionPeriod.containing(period, span.last + timedelta(days=1)).first == span.last + timedelta(
        days=1
    )
    assert EditionPeriod.containing(period, span.first - timedelta(days=1)).last == span.first - timedelta(
        days=1
    )


@given(periods, st.from_regex(r"\A[0-9]{4}-W?[0-9]{2}(-[0-9]{2})?\Z") | st.text(max_size=12))
def test_any_text_is_parsed_to_an_edition_with_that_key_or_rejected(period: Period, text: str) -> None:
    try:
        span = EditionPeriod.parse(period, text)
    except PeriodInvalid:
        return
    assert span.key == text


@pytest.mark.parametrize(
    ("period", "text", "first", "last"),
    [
        (Period.day, "2024-02-29", date(2024, 2, 29), date(2024, 2, 29)),
        (Period.week, "2025-W01", date(2024, 12, 30), date(2025, 1, 5)),
        (Period.week, "2026-W53", date(2026, 12, 28), date(2027, 1, 3)),
        (Period.month, "2024-02", date(2024, 2, 1), date(2024, 2, 29)),
        (Period.month, "0001-01", date(1, 1, 1), date(1, 1, 31)),
        (Period.week, "0001-W01", date(1, 1, 1), date(1, 1, 7)),
    ],
)
def test_first_and_last_day(period: Period, text: str, first: date, last: date) -> None:
    assert EditionPeriod.parse(period, text) == EditionPeriod(period, first, last)


@pytest.mark.parametrize(
    ("period", "text"),
    [
        (Period.day, "2025-02-29"),
        (Period.day, "2025-1-01"),
        (Period.day, "2025-10-29T00"),
        (Period.day, "٢٠٢٥-١٠-٢٩"),
        (Period.day, "0000-01-01"),
        (Period.day, "2025-W44-1"),
        (Period.week, "2025-W53"),
        (Period.week, "2025-W00"),
        (Period.week, "2025-44"),
        (Period.week, "9999-W52"),
        (Period.month, "2025-13"),
        (Period.month, "2025-00"),
        (Period.month, "2025-10\n"),
        (Period.month, ""),
    ],
)
def test_an_invalid_edition_is_rejected_with_an_example(period: Period, text: str) -> None:
    with pytest.raises(PeriodInvalid, match="such as 2025-"):
        EditionPeriod.parse(period, text)


def test_the_last_week_of_the_calendar_has_no_last_day() -> None:
    with pytest.raises(PeriodInvalid, match="end of the calendar"):
        EditionPeriod.containing(Period.week, date.max)


def test_the_message_about_a_long_text_is_short() -> None:
    with pytest.raises(PeriodInvalid) as error:
        EditionPeriod.parse(Period.day, "x" * 100_000)
    assert len(str(error.value)) < 120
