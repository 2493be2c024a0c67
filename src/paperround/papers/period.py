"""The days that an edition covers: one day, an ISO week or a month. Pure; knows no table."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Self


class Period(enum.StrEnum):
    day = "day"
    week = "week"
    month = "month"


class NoSuchPeriod(ValueError):
    """Not a date, ISO week or month of the years 1 to 9999."""


@dataclass(frozen=True)
class Span:
    """The days of one edition, `first` to `last`, both in it."""

    period: Period
    first: date
    last: date

    @classmethod
    def of(cls, period: Period, day: date) -> Self:
        """The day, ISO week or month that `day` lies in. Raises `NoSuchPeriod` at the end of the calendar."""
        try:
            match period:
                case Period.day:
                    return cls(period, day, day)
                case Period.week:
                    first = day - timedelta(days=day.weekday())
                    return cls(period, first, first + timedelta(days=6))
                case Period.month:
                    first = day.replace(day=1)
                    return cls(period, first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1))
        except OverflowError as error:
            raise NoSuchPeriod(f"{day} lies at the end of the calendar.") from error

    @classmethod
    def parse(cls, period: Period, value: str) -> Self:
        """`2025-10-29`, `2025-W44` or `2025-10`. Raises `NoSuchPeriod`."""
        forms = {
            Period.day: (r"\d{4}-\d{2}-\d{2}", "", "a date such as 2025-10-29"),
            Period.week: (r"\d{4}-W\d{2}", "-1", "an ISO week such as 2025-W44"),
            Period.month: (r"\d{4}-\d{2}", "-01", "a month such as 2025-10"),
        }
        pattern, rest, wanted = forms[period]
        try:
            if re.fullmatch(pattern, value, re.ASCII):
                return cls.of(period, date.fromisoformat(value + rest))
        except ValueError:
            pass
        raise NoSuchPeriod(f"{value[:40]!r} is not {wanted}.")

    @property
    def key(self) -> str:
        """As it stands in addresses."""
        match self.period:
            case Period.day:
                return self.first.isoformat()
            case Period.week:
                year, week, _ = self.first.isocalendar()
                return f"{year:04}-W{week:02}"
            case Period.month:
                return self.first.isoformat()[:7]
