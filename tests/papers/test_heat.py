"""The laws of heat hold for generated vote histories."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

from hypothesis import assume, given
from hypothesis import strategies as st

from paperround.papers.heat import EPOCH, VoteCount, heat, listing_time, standing_votes

HALF_LIFE = timedelta(hours=24)
LISTED = date(2026, 3, 2)

steps = st.lists(
    st.tuples(st.timedeltas(timedelta(minutes=1), timedelta(days=3)), st.integers(0, 300)), max_size=12
)
half_lives = st.timedeltas(timedelta(hours=1), timedelta(days=60))


def history(steps: list[tuple[timedelta, int]], listed: date = LISTED) -> list[VoteCount]:
    """Readings in order of time."""
    at, readings = listing_time(listed) + timedelta(hours=6), []
    for wait, number in steps:
        at += wait
        readings.append(VoteCount(at, number))
    return readings


def moved(readings: list[VoteCount], wait: timedelta) -> list[VoteCount]:
    return [VoteCount(reading.at + wait, reading.number) for reading in readings]


def hot(readings: list[VoteCount], listed: date = LISTED, half_life: timedelta = HALF_LIFE) -> float:
    return heat(readings, listed_on=listed, half_life=half_life)


@given(steps, steps, st.integers(0, 3000))
def test_waiting_never_reorders_two_papers(
    one: list[tuple[timedelta, int]], other: list[tuple[timedelta, int]], days: int
) -> None:
    """As seen from any later moment, that is, with all times moved by the same span."""
    later = LISTED + timedelta(days=days)
    now = hot(history(one)) - hot(history(other))
    then = hot(history(one, later), later) - hot(history(other, later), later)
    assert math.isclose(now, then, abs_tol=1e-7)


@given(steps, st.timedeltas(timedelta(0), timedelta(days=9)), st.integers(1, 100))
def test_one_more_vote_always_increases_heat(
    given_steps: list[tuple[timedelta, int]], wait: timedelta, more: int
) -> None:
    readings = history(given_steps)
    last = readings[-1] if readings else VoteCount(listing_time(LISTED), 0)
    risen = [*readings, VoteCount(last.at + wait, last.number + more)]
    assert hot(risen) > hot(readings)


@given(steps, st.data())
def test_a_fall_removes_the_newest_votes_first(
    given_steps: list[tuple[timedelta, int]], data: st.DataObject
) -> None:
    readings = history(given_steps)
    assume(readings and readings[-1].number)
    fallen = data.draw(st.integers(0, readings[-1].number - 1))
    before = standing_votes(readings, listed_on=LISTED)
    after = standing_votes(
        [*readings, VoteCount(readings[-1].at + timedelta(hours=1), fallen)], listed_on=LISTED
    )
    gone = sum(v.number for v in before) - sum(v.number for v in after)
    assert gone == readings[-1].number - fallen
    one_by_one = [v.at for v in before for _ in range(v.number)]
    assert [v.at for v in after for _ in range(v.number)] == one_by_one[: len(one_by_one) - gone]


@given(steps)
def test_a_repeated_reading_changes_nothing(given_steps: list[tuple[timedelta, int]]) -> None:
    readings = history(given_steps)
    repeated = [
        r for reading in readings for r in (reading, reading._replace(at=reading.at + timedelta(seconds=1)))
    ]
    assert standing_votes(repeated, listed_on=LISTED) == standing_votes(readings, listed_on=LISTED)


@given(steps, half_lives)
def test_heat_is_the_sum_formula_vote_by_vote(
    given_steps: list[tuple[timedelta, int]], half_life: timedelta
) -> None:
    """Every vote on its own, weighed exactly: `log2(Σ 2^(t_k/h))` with t relative to the newest vote."""
    readings = history(given_steps)
    times = vote_times(readings)
    newest = max(times)
    exact = sum((Fraction(2) ** 0) * Fraction(2.0 ** ((t - newest) / half_life)) for t in times)
    expected = (newest - EPOCH) / half_life + math.log2(exact)
    assert math.isclose(hot(readings, half_life=half_life), expected, rel_tol=1e-12, abs_tol=1e-9)


def vote_times(readings: list[VoteCount]) -> list[datetime]:
    """Computes single votes on a stack, directly from the definition."""
    stack = [listing_time(LISTED)]
    for place, reading in enumerate(readings):
        while len(stack) - 1 < reading.number:
            stack.append(listing_time(LISTED) if place == 0 else reading.at)
        del stack[reading.number + 1 :]
    return stack


@given(st.integers(0, 1000))
def test_votes_of_the_first_reading_count_at_the_listing_time(number: int) -> None:
    early = [VoteCount(listing_time(LISTED) + timedelta(hours=1), number)]
    late = [VoteCount(listing_time(LISTED) + timedelta(days=14), number)]
    assert hot(early) == hot(late) == hot([]) + math.log2(number + 1)


def test_heat_stays_finite_after_ten_thousand_half_lives() -> None:
    far = date(2199, 1, 1)
    assert math.isfinite(
        heat([VoteCount(datetime(2199, 1, 2, tzinfo=UTC), 9)], listed_on=far, half_life=timedelta(hours=1))
    )


def test_todays_modest_paper_is_hotter_than_the_winner_of_two_weeks_ago() -> None:
    winner = hot([VoteCount(listing_time(LISTED), 250)])
    today = LISTED + timedelta(days=14)
    assert hot([VoteCount(listing_time(today), 2)], today) > winner
