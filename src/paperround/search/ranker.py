"""One order from two views: the words that a paper shares, and the cosine of its vector. Pure numpy.

Where a paper holds the whole question as a phrase, people mean it literally, and the words lead: the more so
the longer it is. Else the views vote by rank, so that a paper wants to be near the top of both.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from paperround.search.analysis import Asked
from paperround.search.features import Numbers
from paperround.search.retrieval import Candidates

MEANING_OF_WORD: Final = 0.6  # what a standard deviation of the cosine counts beside one of the words'
SENTENCE: Final = 12  # words; a longer question says what it means, and its scores are worth more than ranks
MEANING_OF_SENTENCE: Final = 1.5
FLAT: Final = 60.0  # of reciprocal-rank fusion
FORM: Final = 0.5  # what another form of a word counts beside the word itself
LONG: Final = 0.4  # how much a long text counts against a paper; the cosine's own would be .5
SHORT: Final = 500  # characters; a text that is shorter still gains nothing by it


class Scored(NamedTuple):
    """Rows are papers. `parts`: what each term (column) adds to `words`."""

    words: Numbers
    parts: Numbers
    holders: int  # papers with the whole question as a phrase


def by_words(asked: Asked, papers: Candidates) -> Scored:
    """In the manner of tf-idf's cosine, over single words and two or three in a row."""
    often, size = papers.features.often.copy(), len(asked.terms)
    often[:, :size] = np.where(often[:, :size] > 0, often[:, :size], FORM * papers.brought)
    weights = np.array([*(term.idf**2 for term in asked.terms), *(run.weight for run in asked.runs)])
    lengths = np.maximum(papers.features.lengths, SHORT) ** LONG
    scores = often * weights / lengths[:, None]
    return Scored(scores.sum(axis=1), scores[:, :size], int(papers.features.whole.sum()))


def ranks(scores: Numbers) -> Numbers:
    """1 for the highest; equals share the mean of their places."""
    _, place, counts = np.unique(-scores, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    shared: Numbers = (last - (counts - 1) / 2)[place]
    return shared


def fused(scored: Scored, cosines: Numbers, *, length: int) -> Numbers:
    """The order's score of each paper. A paper without a vector has NaN for its cosine; `length` in words."""
    if scored.holders or length > SENTENCE:
        middle = np.where(np.isnan(cosines), np.nanmean(cosines), cosines)
        meaning = MEANING_OF_SENTENCE if length > SENTENCE else MEANING_OF_WORD / length
        order: Numbers = standard(scored.words) + meaning * standard(middle)
        return order
    known = np.where(np.isnan(cosines), -1.0, cosines)
    votes: Numbers = 1 / (FLAT + ranks(scored.words)) + 1 / (FLAT + ranks(known))
    return votes


def standard(scores: Numbers) -> Numbers:
    """Less the mean, over the spread."""
    result: Numbers = (scores - scores.mean()) / max(scores.std(), 1e-9)
    return result
