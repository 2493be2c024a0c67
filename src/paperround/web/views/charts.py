"""Draws votes over time as lines: a chart for a paper's page and a small line for lists. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from paperround.i18n.formats import format_date
from paperround.i18n.messages import gettext as _
from paperround.i18n.messages import ngettext
from paperround.papers.heat import VoteCount
from paperround.papers.rows import SignalRow
from paperround.topics.history import WeekCount

CHART_SIZE: Final = (600, 120)
MAX_DAYS: Final = 40  # that a chart tells apart
LINE_SIZE: Final = (52, 16)
MIN_RISE: Final = 5  # votes that a small line's height stands for at least
BAR_SIZE: Final = (40, 60)
BAR_GAP: Final = 8
MIN_STEPS: Final = 4  # fewer are a straight line, and tell nothing


@dataclass(frozen=True)
class Chart:
    """Votes over time as the path of a stepped line, in which a number holds until the next is seen.

    `days` are the positions of midnights. `top` is the number at the upper edge; the lower edge is 0.
    """

    width: int
    height: int
    line: str
    days: Sequence[float]
    first: datetime
    last: datetime
    top: int


def build_chart(signals: Sequence[SignalRow], *, until: datetime) -> Chart | None:
    """Build a chart from the first signal to `until`, the last reading. None if there is no line to draw."""
    votes = [signal.upvotes for signal in signals]
    if len(set(votes)) < 2:
        return None
    first, last = signals[0].at, max(signals[-1].at, until)
    if first == last:
        return None
    width, height = CHART_SIZE
    top = max(votes)

    def x(at: datetime) -> float:
        return round((at - first) / (last - first) * width, 1)

    def y(number: int) -> float:
        return round(height * (1 - number / top), 1)

    steps = [f"H{x(signal.at):g}V{y(signal.upvotes):g}" for signal in signals[1:]]
    line = f"M0 {y(votes[0]):g}{''.join(steps)}H{width}"
    return Chart(width, height, line, [x(day) for day in _list_midnights(first, last)], first, last, top)


def _list_midnights(first: datetime, last: datetime) -> list[datetime]:
    """List the midnights between two moments, or none if there are more than a chart can show."""
    days = (last - first).days + 1
    if days > MAX_DAYS:
        return []
    start = first.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return [at for day in range(1, days + 1) if (at := start + timedelta(days=day)) < last]


def build_sparkline(steps: Sequence[VoteCount]) -> str | None:
    """Build the path of a small line through `steps`. None if there is nothing to see."""
    numbers = [step.number for step in steps]
    if len(numbers) < MIN_STEPS or len(set(numbers)) < 2:
        return None
    width, height = LINE_SIZE
    first, length = steps[0].at, steps[-1].at - steps[0].at
    low, rise = min(numbers), max(max(numbers) - min(numbers), MIN_RISE)
    points = [
        f"{width * ((step.at - first) / length):.4g} {height * (1 - (step.number - low) / rise):.4g}"
        for step in steps
    ]
    return "M" + "L".join(points)


@dataclass(frozen=True)
class WeekBar:
    """A bar of one week. `label` says its number; a week that wasn't matched has no height."""

    x: int
    y: float
    height: float
    label: str
    matches: int | None
    name: str


@dataclass(frozen=True)
class WeekChart:
    """A topic's matches a week as bars. `told` says all of them in words."""

    width: int
    height: int
    bar: int
    bars: Sequence[WeekBar]
    told: str


def build_week_chart(weeks: Sequence[WeekCount]) -> WeekChart | None:
    """Build the chart of weeks in order of time. None if fewer than two of them were matched."""
    if sum(week.matches is not None for week in weeks) < 2:
        return None
    step, height = BAR_SIZE
    top = max(max(week.matches or 0 for week in weeks), 1)
    bars = []
    for place, (first, matches) in enumerate(weeks):
        rise = round(height * (matches or 0) / top, 1)
        name = format_date(first, "d MMM")
        label = _label_week(name, matches)
        bars.append(WeekBar(place * step, round(height - rise, 1), rise, label, matches, name))
    told = _("Matches a week. %(weeks)s.", weeks="; ".join(bar.label for bar in bars))
    return WeekChart(len(weeks) * step - BAR_GAP, height, step - BAR_GAP, bars, told)


def _label_week(first: str, matches: int | None) -> str:
    if matches is None:
        return _("Week of %(day)s: not matched", day=first)
    return ngettext("Week of %(day)s: %(num)s match", "Week of %(day)s: %(num)s matches", matches, day=first)
