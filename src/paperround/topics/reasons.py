"""Why a paper matches: the parts that its score is the sum of, so that no reason disagrees with it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from paperround.topics.scorer import Direction
from paperround.topics.sparse import Columns, Floats
from paperround.topics.statistics import Statistics, View
from paperround.topics.wanted import Kind, Reason

PHRASES: Final = 3  # that are told of a match
LOOKED_AT: Final = 12  # of its heaviest phrases: those that stand within others are passed over
LIGHTEST: Final = 0.02  # standard deviations; less than this says nothing


def parts(statistics: Statistics, direction: Direction, paper: View) -> Floats:
    """What each phrase of the paper adds to its score, beside `paper.words.columns`. Their sum and the
    constants are the words' part of it."""
    row, words = paper.words, direction.words
    told = np.zeros(len(row.columns), np.float32)
    if len(words.columns) and len(row.columns):
        found = np.minimum(np.searchsorted(words.columns, row.columns), len(words.columns) - 1)
        same = words.columns[found] == row.columns
        told[same] = words.weights[found[same]]
    added: Floats = row.weights * (told - direction.common * statistics.mean_words[row.columns])
    above = float(added.sum()) - direction.offset
    if direction.bent and above > 0:
        added *= float(np.log1p(above)) / above
    return added


def reasons(
    statistics: Statistics, direction: Direction, likes: Mapping[str, View], paper_id: str, paper: View
) -> tuple[Reason, ...]:
    """The heaviest phrases, and the liked paper that it is nearest to."""
    told = phrases(statistics, paper.words.columns, parts(statistics, direction, paper))
    near = nearest(direction, likes, paper_id, paper)
    return tuple(sorted([*told, *near], key=lambda reason: -reason.weight))


def phrases(statistics: Statistics, columns: Columns, added: Floats) -> Sequence[Reason]:
    """Those that weigh most, none within another: a phrase's words then count with it."""
    heaviest = np.argsort(-added, kind="stable")[:LOOKED_AT]
    spelled = {statistics.vocabulary.phrases[columns[place]]: float(added[place]) for place in heaviest}
    weights = {phrase: weight for phrase, weight in spelled.items() if weight >= LIGHTEST}
    chosen: dict[str, float] = {}
    for phrase in sorted(weights, key=lambda phrase: (-len(phrase.split()), -weights[phrase], phrase)):
        within = next((whole for whole in chosen if f" {phrase} " in f" {whole} "), None)
        chosen[within or phrase] = chosen.get(within or phrase, 0.0) + weights[phrase]
    best = sorted(chosen.items(), key=lambda item: (-item[1], item[0]))[:PHRASES]
    return [Reason(Kind.phrase, phrase, weight) for phrase, weight in best]


def nearest(direction: Direction, likes: Mapping[str, View], paper_id: str, paper: View) -> Sequence[Reason]:
    """The liked paper that adds most to the vectors' part. A paper is no reason for itself."""
    if paper.vector is None or direction.vector is None:
        return []
    added = [
        (direction.liking * float(paper.vector @ view.vector), key)
        for key, view in likes.items()
        if view.vector is not None and key != paper_id
    ]
    if not added or max(added)[0] < LIGHTEST:
        return []
    weight, key = max(added)
    return [Reason(Kind.paper, key, weight)]
