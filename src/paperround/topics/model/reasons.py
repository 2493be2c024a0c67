"""Reasons: why a paper matches.

They are parts of the sum that is its fit, so none disagrees with it. Pure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Final

from paperround.arrays import np
from paperround.topics.model.match import Reason, ReasonKind
from paperround.topics.model.reason_phrases import MAX_REASON_CANDIDATES
from paperround.topics.model.scorer import PaperMatrix
from paperround.topics.model.sparse import Floats, Places, Rows, list_ranges
from paperround.topics.model.statistics import Statistics

MAX_REASON_PHRASES: Final = 3  # of a match
MAX_CANDIDATE_PHRASES: Final = 8  # the heaviest; one that stands within another counts with it
MIN_REASON_WEIGHT: Final = 0.3  # logits, times how rare the phrase is
MAX_ENDING: Final = 3  # letters by which forms of one word differ: robot, robots, robotics
MIN_STEM: Final = 4  # letters that they share
MIN_LIKED_COSINE: Final = 0.3  # from which on a liked paper is told as similar, both centred


def weigh_phrases(
    statistics: Statistics, reasons: Rows, papers: PaperMatrix, owners: Places, places: Places
) -> list[dict[str, float]]:
    """Weigh the phrases that topics share with their papers, pair by pair.

    `reasons` are the topics' phrases that may be told. A pair is the row of a topic among them and the place
    of a paper, at the same place of `owners` and `places`.
    """
    counts = np.diff(reasons.starts)[owners]
    entries = list_ranges(reasons.starts[owners], counts)
    pairs = np.repeat(np.arange(len(owners)), counts)
    columns = np.zeros((len(owners), MAX_REASON_CANDIDATES), reasons.columns.dtype)
    parts = np.zeros((len(owners), MAX_REASON_CANDIDATES), np.float32)
    cells = pairs, list_ranges(np.zeros_like(counts), counts)
    columns[cells] = reasons.columns[entries]
    parts[cells] = reasons.weights[entries] * papers.rows.weights_at(places[pairs], columns[cells])
    best = np.argsort(-parts, axis=1)[:, :MAX_CANDIDATE_PHRASES]
    heaviest = np.take_along_axis(parts, best, 1)
    told = np.nonzero(heaviest >= MIN_REASON_WEIGHT)
    weighed: list[dict[str, float]] = [{} for _ in range(len(owners))]
    phrases = statistics.vocabulary.phrases
    told_columns = np.take_along_axis(columns, best, 1)[told].tolist()
    for pair, column, weight in zip(told[0].tolist(), told_columns, heaviest[told].tolist(), strict=True):
        weighed[pair][phrases[column]] = weight
    return weighed


def choose_phrase_reasons(weights: Mapping[str, float]) -> list[Reason]:
    """Choose the heaviest phrases, each telling something new.

    A phrase that stands within another counts with it. One is left out where less than half of it is new:
    `language action vla` beside `vision language action`, or `frames` beside `frame`.
    """
    chosen: dict[str, float] = {}
    spelled = ""  # all that were chosen, with something between them that no phrase has
    for phrase in sorted(weights, key=len, reverse=True):
        padded = f" {phrase} "
        if padded in spelled:
            longest = next(longer for longer in chosen if padded in f" {longer} ")
            chosen[longest] += weights[phrase]
        else:
            chosen[phrase] = weights[phrase]
            spelled += f"{padded}\n"
    told: dict[str, list[str]] = defaultdict(list)  # by their first letters, which forms of a word share
    reasons: list[Reason] = []
    for phrase, weight in sorted(chosen.items(), key=itemgetter(1), reverse=True):
        if len(reasons) == MAX_REASON_PHRASES:
            break
        words = phrase.split()
        new = [word for word in words if not _is_told(word, told.get(word[:MIN_STEM], ()))]
        if 2 * len(new) >= len(words):
            for word in new:
                told[word[:MIN_STEM]].append(word)
            reasons.append(Reason(ReasonKind.phrase, phrase, round(weight, 3)))
    return reasons


def _is_told(word: str, told: Sequence[str]) -> bool:
    return any(_is_same_word(word, other) for other in told) if told else False


def _is_same_word(word: str, other: str) -> bool:
    """Tell whether one is the other with an ending."""
    shorter, longer = (word, other) if len(word) <= len(other) else (other, word)
    has_stem = len(shorter) >= MIN_STEM and len(longer) - len(shorter) <= MAX_ENDING
    return word == other or (has_stem and longer.startswith(shorter))


Cosines = Mapping[str, Sequence[float]]  # of liked papers, by id, with each of the papers that are matched


def compute_cosines(vectors: Mapping[str, Floats], papers: PaperMatrix) -> dict[str, Sequence[float]]:
    """Compute the cosines of liked papers' vectors, by their ids, with the papers that are matched."""
    if not vectors:
        return {}
    cosines = np.array(list(vectors.values()), np.float32) @ papers.vectors
    return {paper_id: memoryview(of_paper) for paper_id, of_paper in zip(vectors, cosines, strict=True)}


def find_nearest_liked(
    weight: float, liked: Iterable[str], cosines: Cosines, paper_id: str, place: int
) -> Reason | None:
    """Find the liked paper that adds most to the vectors' part of the score of the paper at this place.

    `weight` is what a cosine of 1 adds. No paper is a reason for itself.
    """
    if weight <= 0:
        return None
    known = [(cosines[other][place], other) for other in liked if other in cosines and other != paper_id]
    cosine, nearest = max(known, key=itemgetter(0), default=(-1.0, ""))
    if cosine < MIN_LIKED_COSINE:
        return None
    return Reason(ReasonKind.paper, nearest, round(weight * cosine, 3))
