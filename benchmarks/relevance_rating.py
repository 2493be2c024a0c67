"""Whether rating improves a topic's list: as a reader would see it, and with papers of the subject known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from relevance_measures import bootstrap, ndcg
from relevance_rankers import Ours
from relevance_sets import Pool, Subject

from search import KeptEncoder

LISTED = 10
RATED = 5  # of the earlier papers, those listed first
KNOWN = (1, 3, 5)

Numbers = np.ndarray[Any, Any]


async def rating_figures(subjects: Sequence[Subject], papers: Pool, ours: Ours, encoder: KeptEncoder) -> None:
    """Each subject's papers are the good ones; what isn't labelled counts as bad, and some of it is not."""
    vectors = await encoder.encode([ours.spell_out(subject.words) for subject in subjects])
    asked = list(zip(subjects, vectors, strict=True))
    lists = [rated_best(ours, subject, vector, np.array(papers.days)) for subject, vector in asked]
    said(f"later papers, {RATED} best of the earlier ones rated: nDCG@10", [one[0] for one in lists])
    said(f"later papers, {RATED} best of the earlier ones rated: precision@10", [one[1] for one in lists])
    for known in KNOWN:
        rest = [of_the_rest(ours, *one, np.array(papers.days), known) for one in asked]
        said(f"the rest, {known} of its papers liked: nDCG@10", rest)


def said(label: str, pairs: Sequence[tuple[float, float]]) -> None:
    before, after = zip(*pairs, strict=True)
    apart = bootstrap(after, before)
    print(
        f"- {label}: {np.mean(before):.3f} → {np.mean(after):.3f}, {apart.mean:+.3f} ({apart.low:+.3f} to "
        f"{apart.high:+.3f}), better in {apart.ahead:.0%} of resamples"
    )


def rated_best(
    ours: Ours, subject: Subject, vector: Numbers, dated: Numbers
) -> tuple[tuple[float, float], tuple[float, float]]:
    """nDCG and precision of the list of later papers, each before and after rating the earlier ones' best."""
    open_ones = np.flatnonzero(dated <= subject.until)
    half = np.sort(dated[open_ones])[len(open_ones) // 2]
    earlier, later = open_ones[dated[open_ones] < half], open_ones[dated[open_ones] >= half]
    before = ours.by_words(subject.words, vector)
    shown = earlier[np.argsort(-before[earlier], kind="stable")[:RATED]]
    more = np.isin(shown, subject.papers)
    after = ours.by_words(subject.words, vector, shown[more].tolist(), shown[~more].tolist())
    good = np.isin(later, subject.papers).astype(float)
    gained = [ndcg(scores[later], good, LISTED) for scores in (before, after)]
    hits = [good[np.argsort(-scores[later], kind="stable")[:LISTED]].mean() for scores in (before, after)]
    return (gained[0], gained[1]), (float(hits[0]), float(hits[1]))


def of_the_rest(
    ours: Ours, subject: Subject, vector: Numbers, dated: Numbers, known: int
) -> tuple[float, float]:
    liked = subject.papers[:known]
    rest = np.setdiff1d(np.flatnonzero(dated <= subject.until), liked)
    good = np.isin(rest, subject.papers).astype(float)
    before, after = (
        ndcg(ours.by_words(subject.words, vector, given)[rest], good, LISTED) for given in ((), liked)
    )
    return before, after
