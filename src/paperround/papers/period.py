"""The days that an edition covers: one day, an ISO week or a month. This module uses no database."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Self

from paperround.errors import PaperroundError
from paperround.i18n.messages import gettext as _
from paperround.i18n.messages import mark_message


class Period(enum.StrEnum):
    """The length of an edition."""

    day = "day"
    week = "week"
    month = "month"


# How each is written, what makes a date of it, and what is told where it isn't written so.
FORMS: Final = {
    Period.day: (r"\d{4}-\d{2}-\d{2}", "", mark_message("“%(text)s” is not a date such as 2025-10-29.")),
    Period.week: (r"\d{4}-W\d{2}", "-1", mark_message("“%(text)s” is not an ISO week such as 2025-W44.")),
    Period.month: (r"\d{4}-\d{2}", "-01", mark_message("“%(text)s” is not a month such as 2025-10.")),
}


class PeriodInvalid(PaperroundError):
    """The text is not a date, an ISO week or a month of the years 1 to 9999."""

    title = mark_message("Not understood")
    status = 400


@dataclass(frozen=True)
class EditionPeriod:
    """The days of one edition, from `first` to `last`, both included."""

    period: Period
    first: date
    last: date

    @classmethod
    def containing(cls, period: Period, day: date) -> Self:
        """Build the day, week or month that contains `day`.

        Raises `PeriodInvalid` at the end of the calendar.
        """
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
            raise PeriodInvalid(_("%(day)s lies at the end of the calendar.", day=day)) from error

    @classmethod
    def parse(cls, period: Period, value: str) -> Self:
        """Parse `2025-10-29`, `2025-W44` or `2025-10`. Raises `PeriodInvalid`."""
        pattern, suffix, complaint = FORMS[period]
        try:
            if re.fullmatch(pattern, value, re.ASCII):
                return cls.containing(period, date.fromisoformat(value + suffix))
        except (ValueError, PeriodInvalid):
            pass
        raise PeriodInvalid(_(complaint, text=value[:40]))

    @property
    def key(self) -> str:
        """The period as it is written in URLs."""
        match self.period:
            case Period.day:
                return self.first.isoformat()
            case Period.week:
                year, week, _day = self.first.isocalendar()
                return f"{year:04}-W{week:02}"
            case Period.month:
                return self.first.isoformat()[:7]
