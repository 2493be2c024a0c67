"""A month as a grid of its days, a week in each row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from paperround.i18n.formats import format_date, list_days_of_week
from paperround.i18n.messages import ngettext
from paperround.papers.period import EditionPeriod, Period, PeriodInvalid
from paperround.web.views.presenters import edition_address, trending_address, write_heading


@dataclass(frozen=True)
class MonthDay:
    """A day of the grid. `address` is empty where no papers were listed; `label` tells day and papers."""

    number: int
    papers: int
    address: str
    label: str
    is_current: bool


@dataclass(frozen=True)
class MonthWeek:
    """A row of the grid, from Monday to Sunday. A day of another month is None."""

    number: int
    address: str
    days: Sequence[MonthDay | None]


@dataclass(frozen=True)
class Month:
    """The grid, with the address of what trended in the month, and the days of a week: names and short ones.

    `previous` and `following` are the months beside it: names and addresses. At the ends of the calendar
    there is none.
    """

    name: str
    address: str
    trending_address: str
    days_of_week: Sequence[tuple[str, str]]
    weeks: Sequence[MonthWeek]
    previous: tuple[str, str] | None
    following: tuple[str, str] | None


@dataclass(frozen=True)
class MonthOutline:
    """All that the grid of a month depends on: how many papers its days have, and which edition is shown.

    The days of the edition `current` are marked if it is a day or a week.
    """

    month: EditionPeriod
    counts: Sequence[tuple[date, int]]
    current: EditionPeriod
    category: str | None
    today: date

    def build(self) -> Month:
        """Build the grid."""
        weeks, counts, category = [], dict(self.counts), self.category
        first = self.month.first - timedelta(days=self.month.first.weekday())
        while first <= self.month.last:
            week = EditionPeriod.containing(Period.week, first)
            days = [self._build_day(first + timedelta(days=n), counts) for n in range(7)]
            weeks.append(MonthWeek(first.isocalendar().week, edition_address(week, category), days))
            first += timedelta(days=7)
        return Month(
            name=write_heading(self.month, today=self.today),
            address=edition_address(self.month, category),
            trending_address=trending_address(self.month),
            days_of_week=list_days_of_week(),
            weeks=weeks,
            previous=_link_to_month(self.month, -1, category),
            following=_link_to_month(self.month, 1, category),
        )

    def _build_day(self, day: date, counts: Mapping[date, int]) -> MonthDay | None:
        if not self.month.first <= day <= self.month.last:
            return None
        papers, current = counts.get(day, 0), self.current
        one = EditionPeriod.containing(Period.day, day)
        return MonthDay(
            number=day.day,
            papers=papers,
            address=edition_address(one, self.category) if papers else "",
            label=_label_day(day, papers),
            is_current=current.period is not Period.month and current.first <= day <= current.last,
        )


def _label_day(day: date, papers: int) -> str:
    """Write what a link to a day says: `Monday, 23 November: 12 papers`."""
    return ngettext(
        "%(day)s: %(num)s paper", "%(day)s: %(num)s papers", papers, day=format_date(day, "EEEE, d MMMM")
    )


def _link_to_month(beside: EditionPeriod, step: int, category: str | None) -> tuple[str, str] | None:
    day = beside.first if step < 0 else beside.last
    try:
        month = EditionPeriod.containing(Period.month, day + timedelta(days=step))
    except (OverflowError, PeriodInvalid):
        return None
    return format_date(month.first, "MMMM"), edition_address(month, category)
