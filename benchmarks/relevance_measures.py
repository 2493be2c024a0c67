"""How good an order is: reciprocal rank, AUC, nDCG, pairs in the wrong order; and whether two differ."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from relevance_sets import Pool, Reader

Numbers = np.ndarray[Any, Any]
RESAMPLES = 4000


def auc(good: Numbers, bad: Numbers) -> float:
    """The share of pairs in the right order; ties count half."""
    order = np.sort(bad)
    below = (np.searchsorted(order, good, "left") + np.searchsorted(order, good, "right")) / 2
    return float(below.mean() / len(bad))


def ndcg(scores: Numbers, gains: Numbers, depth: int) -> float:
    discounts = 1 / np.log2(np.arange(2, 2 + depth))
    best = np.argsort(-scores, kind="stable")[:depth]
    reached = (gains[best] * discounts[: len(best)]).sum()
    ideal = (np.sort(gains)[::-1][:depth] * discounts[: len(gains)]).sum()
    return float(reached / ideal) if ideal else 0.0


def wrong_pairs(scores: Numbers, ratings: Numbers) -> tuple[float, float]:
    """The weight of pairs in the wrong order (ties half), and of all; a pair weighs its ratings' distance."""
    distance = ratings[:, None] - ratings[None, :]
    apart = scores[:, None] - scores[None, :]
    wrong = np.where(apart < 0, 1.0, np.where(apart == 0, 0.5, 0.0))
    ordered = distance > 0
    return float((distance * wrong)[ordered].sum()), float(distance[ordered].sum())


class Found(NamedTuple):
    """One reader's figures."""

    mrr: float
    day_auc: float
    hit3: float
    ndcg50: float
    later_auc: float


def days_of(papers: Pool) -> Mapping[str, Numbers]:
    lists: dict[str, list[int]] = defaultdict(list)
    for place, day in enumerate(papers.days):
        lists[day].append(place)
    return {day: np.array(places) for day, places in lists.items()}


def sought(reader: Reader, papers: Pool, known: int) -> list[int]:
    """What is to be found of a reader whose first `known` papers are known: those of later days."""
    if len(reader.papers) <= known:
        return []
    last = papers.days[reader.papers[known - 1]]
    return [place for place in reader.papers[known:] if papers.days[place] > last]


def found(
    scores: Numbers, reader: Reader, papers: Pool, days: Mapping[str, Numbers], known: int
) -> Found | None:
    """None when no day has anything else to rank."""
    own = np.array(reader.papers)
    ranks, areas = [], []
    rest = sought(reader, papers, known)
    for place in rest:
        others = np.setdiff1d(days[papers.days[place]], own)
        if len(others):
            ahead, equal = scores[others] > scores[place], scores[others] == scores[place]
            ranks.append(1 + ahead.sum() + equal.sum() / 2)
            areas.append(1 - (ahead.sum() + equal.sum() / 2) / len(others))
    if not ranks:
        return None
    last = papers.days[reader.papers[known - 1]]
    later = np.setdiff1d(np.flatnonzero(np.array(papers.days) > last), own[:known])
    good = np.isin(later, rest)
    ranked_at = np.array(ranks)
    return Found(
        float((1 / ranked_at).mean()),
        float(np.mean(areas)),
        float((ranked_at <= 3).mean()),
        ndcg(scores[later], good.astype(float), 50),
        auc(scores[later][good], scores[later][~good]),
    )


class Difference(NamedTuple):
    """Ours less the other's: mean, the interval that holds 95 of 100 resamples, how often it is above 0."""

    mean: float
    low: float
    high: float
    ahead: float


def bootstrap(ours: Sequence[float], other: Sequence[float]) -> Difference:
    """Paired, over readers."""
    apart = np.array(ours) - np.array(other)
    drawn = np.random.default_rng(7).integers(len(apart), size=(RESAMPLES, len(apart)))
    means = apart[drawn].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return Difference(float(apart.mean()), float(low), float(high), float((means > 0).mean()))
