"""Heat, the trending score, in closed form. These are pure functions.

It uses forward decay (Cormode, Shkapenyuk, Srivastava and Xu, "Forward Decay", ICDE 2009). A vote weighs
2^(t/h), where t is its time since a fixed epoch and h the half-life. So the order of papers does not change
as time passes, and nothing has to be recomputed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

EPOCH = datetime(2024, 1, 1, tzinfo=UTC)
BASE_VOTES = 1  # every paper starts with one vote, so that its heat is defined


class VoteCount(NamedTuple):
    """A number of votes that count as cast at the time `at`."""

    at: datetime
    number: int


def listing_time(listed_on: date) -> datetime:
    """00:00 UTC of the listing's day, the time at which a paper's first votes count."""
    return datetime.combine(listed_on, time(), tzinfo=UTC)


def standing_votes(readings: Iterable[VoteCount], *, listed_on: date) -> list[VoteCount]:
    """Compute the remaining votes after `readings`, which are totals in order of time.

    The votes of the first reading count at the listing time, and a later rise at the time of its reading. A
    fall removes the newest votes first, and never the vote that every paper starts with.
    """
    standing = [VoteCount(listing_time(listed_on), BASE_VOTES)]
    total = 0
    for position, reading in enumerate(readings):
        rise = reading.number - total
        if rise > 0:
            standing.append(VoteCount(listing_time(listed_on) if position == 0 else reading.at, rise))
        else:
            _take_away(standing, -rise)
        total = reading.number
    return standing


def _take_away(standing: list[VoteCount], count: int) -> None:
    while count > 0:
        newest = standing.pop()
        remaining = max(newest.number - count, 0)
        count -= newest.number - remaining
        if remaining:
            standing.append(newest._replace(number=remaining))


def heat(
    readings: Sequence[VoteCount], local: Sequence[VoteCount] = (), *, listed_on: date, half_life: timedelta
) -> float:
    """Compute `log2( Σ_k 2^(t_k / h) )` over the remaining votes. One unit more means twice the weight.

    `readings` are the feed's totals in order of time, `local` are votes of readers here in any order. The sum
    is computed as a log-sum-exp, since it would overflow after some thousand half-lives.
    """
    votes = [*standing_votes(readings, listed_on=listed_on), *local]
    exponents = [(vote.at - EPOCH) / half_life for vote in votes]
    top = max(exponents)
    weights = (vote.number * 2.0 ** (exponent - top) for vote, exponent in zip(votes, exponents, strict=True))
    return top + math.log2(math.fsum(weights))
