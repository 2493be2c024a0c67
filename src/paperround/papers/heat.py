"""Heat: the trending score, in closed form. Pure; knows no table.

Forward decay (Cormode, Shkapenyuk, Srivastava and Xu, "Forward Decay", ICDE 2009): a vote weighs 2^(t/h),
t since a fixed epoch, so that waiting never changes an order and nothing is recomputed as time passes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

EPOCH = datetime(2024, 1, 1, tzinfo=UTC)
BASE_VOTES = 1  # every paper starts with one, so that heat is defined without any


class Votes(NamedTuple):
    """`number` votes that count as cast at `at`."""

    at: datetime
    number: int


def listing_time(listed_on: date) -> datetime:
    """00:00 UTC of the day: when a paper's first votes count."""
    return datetime.combine(listed_on, time(), tzinfo=UTC)


def standing_votes(readings: Iterable[Votes], *, listed_on: date) -> list[Votes]:
    """The votes that stand after `readings` (each a total seen at a time, in order of time).

    The first reading's votes count at the listing time, a later one's rise at its own; a fall takes the
    newest away first, and never the one that every paper starts with.
    """
    standing = [Votes(listing_time(listed_on), BASE_VOTES)]
    total = 0
    for position, reading in enumerate(readings):
        rise = reading.number - total
        if rise > 0:
            standing.append(Votes(listing_time(listed_on) if position == 0 else reading.at, rise))
        else:
            _take_away(standing, -rise)
        total = reading.number
    return standing


def _take_away(standing: list[Votes], count: int) -> None:
    while count > 0:
        newest = standing.pop()
        kept = max(newest.number - count, 0)
        count -= newest.number - kept
        if kept:
            standing.append(newest._replace(number=kept))


def heat(
    readings: Sequence[Votes], local: Sequence[Votes] = (), *, listed_on: date, half_life: timedelta
) -> float:
    """`log2( Σ_k 2^(t_k / h) )` over the standing votes; a paper one unit hotter weighs twice as much.

    `readings` are totals of the feed's, `local` single votes of readers here, in any order. Computed as a
    log-sum-exp, since the sum itself overflows after some thousand half-lives.
    """
    votes = [*standing_votes(readings, listed_on=listed_on), *local]
    exponents = [(vote.at - EPOCH) / half_life for vote in votes]
    top = max(exponents)
    weights = (vote.number * 2.0 ** (e - top) for vote, e in zip(votes, exponents, strict=True))
    return top + math.log2(math.fsum(weights))
