"""Votes over time as lines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from paperround.papers.heat import VoteCount
from paperround.papers.rows import SignalRow
from paperround.web.views import charts

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def signals(*votes: int, apart: timedelta = timedelta(hours=1)) -> list[SignalRow]:
    return [SignalRow(NOON + apart * place, number, None, None) for place, number in enumerate(votes)]


def test_a_chart_is_a_stepped_line_to_the_last_reading() -> None:
    chart = charts.build_chart(signals(2, 4, 12), until=NOON + timedelta(hours=4))
    assert chart is not None
    assert chart.line == "M0 100H150V80H300V0H600"
    assert (chart.top, chart.last, chart.days) == (12, NOON + timedelta(hours=4), [])


def test_a_chart_marks_where_days_begin_unless_they_are_too_many() -> None:
    chart = charts.build_chart(signals(2, 4), until=NOON + timedelta(hours=48))
    later = charts.build_chart(signals(2, 4), until=NOON + timedelta(days=90))
    assert chart is not None
    assert later is not None
    assert chart.days == [150, 450]
    assert later.days == []


def test_a_chart_shows_falls_and_ends_no_sooner_than_its_signals() -> None:
    chart = charts.build_chart(signals(10, 0), until=NOON)
    assert chart is not None
    assert chart.line == "M0 0H600V120H600"


@pytest.mark.parametrize("rows", [signals(), signals(5), signals(5, 5), signals(5, 6, apart=timedelta(0))])
def test_no_chart_where_there_is_no_line(rows: list[SignalRow]) -> None:
    assert charts.build_chart(rows, until=NOON) is None


def steps(*votes: int) -> list[VoteCount]:
    return [VoteCount(NOON + timedelta(hours=place), number) for place, number in enumerate(votes)]


def test_a_small_line_goes_from_corner_to_corner() -> None:
    assert charts.build_sparkline(steps(10, 15, 20, 25, 30)) == "M0 16L13 12L26 8L39 4L52 0"


def test_a_rise_of_one_is_no_mountain() -> None:
    assert charts.build_sparkline(steps(100, 100, 100, 100, 101)) == "M0 16L13 16L26 16L39 16L52 12.8"


@pytest.mark.parametrize("votes", [(), (5,), (5, 5, 5, 5, 5), (5, 6, 7)])
def test_votes_that_stand_or_are_few_steps_have_no_line(votes: tuple[int, ...]) -> None:
    assert charts.build_sparkline(steps(*votes)) is None
