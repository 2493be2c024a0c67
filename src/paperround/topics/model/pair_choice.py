"""Which pairs of topic and paper are worth a reader's judgment. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from math import log
from typing import Final, NamedTuple

from paperround.topics.model.bands import BAND_FLOORS

PAIRS_A_DAY: Final = 10
PAIRS_NEAR_BORDERS: Final = 7  # of these; where a border is wrong, they tell
MIN_RANDOM_FIT: Final = 0.02  # of the others, drawn at random: what is surely unrelated tells nothing


class Pair(NamedTuple):
    """A topic's words and a paper. `fit` is what we believe, which whoever judges doesn't see."""

    topic_id: int
    words: str
    paper_id: str
    fit: float


def choose_pairs(pairs: Sequence[Pair], seed: str) -> list[Pair]:
    """Choose a day's pairs: most near a border between bands, each paper once, the others at random.

    The same pairs and seed give the same choice, in an order that tells nothing of the fit.
    """

    def draw(pair: Pair) -> bytes:
        told = f"{seed}\n{pair.words}\n{pair.paper_id}".encode()
        return hashlib.md5(told, usedforsecurity=False).digest()

    chosen: dict[str, Pair] = {}
    near = sorted(pairs, key=lambda pair: (round(_distance_to_border(pair.fit), 1), draw(pair)))
    some = sorted(pairs, key=lambda pair: (pair.fit < MIN_RANDOM_FIT, draw(pair)))
    for candidates, count in ((near, PAIRS_NEAR_BORDERS), (some, PAIRS_A_DAY)):
        for pair in candidates:
            if len(chosen) >= count:
                break
            chosen.setdefault(pair.paper_id, pair)
    return sorted(chosen.values(), key=draw)


def _distance_to_border(fit: float) -> float:
    """Compute how far a fit is from the nearest border of a band, in logits."""
    return min(abs(_logit(fit) - _logit(floor)) for floor in BAND_FLOORS.values())


def _logit(chance: float) -> float:
    bounded = min(max(chance, 1e-6), 1 - 1e-6)
    return log(bounded / (1 - bounded))
