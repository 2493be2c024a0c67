"""One order from two views: how rare the shared words are, and the cosine of the vectors. Pure numpy.

Where several papers hold the whole question as a phrase, people mean it literally, and the words lead. Else
the views vote by rank, so that a paper wants to be near the top of both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from paperround.search.wording import Numbers, Term, Wording

HOLDERS: Final = 5  # so many papers with the whole phrase make the words lead
MEANING: Final = 0.3  # what a standard deviation of the cosine counts beside one of the words' score
FLAT: Final = 60.0  # of reciprocal-rank fusion
TITLE: Final = 0.5  # what standing in the title adds to standing there once
WORD: Final = 1.0  # a word's weight beside RUN, that of two or three in a row
RUN: Final = 2.0
LONG: Final = 0.3  # how much a long text counts against a paper; the cosine's own would be .5


def contributions(terms: Sequence[Term], wording: Wording) -> Numbers:
    """What each word (column) adds to each paper's score, in the manner of tf-idf's cosine."""
    weights = np.array([term.idf**2 for term in terms])
    has = wording.has + TITLE * wording.in_title
    scores: Numbers = WORD * has * weights / (wording.lengths**LONG)[:, None]
    return scores


def in_a_row(wording: Wording, *, papers: int) -> Numbers:
    """What words that stand together add. Taken literally: stemmed phrases find other things.

    How rare a run is, is told by the candidates: most of the papers that have a rare one are among them.
    """
    holders = (wording.runs > 0).sum(axis=0)
    idf = np.log((1 + max(papers, len(wording.ids))) / (1 + holders)) + 1
    often = np.where(wording.runs > 0, 1 + np.log(np.maximum(wording.runs, 1)), 0)
    scores: Numbers = RUN * (often @ idf**2) / wording.lengths**LONG
    return scores


def ranks(scores: Numbers) -> Numbers:
    """1 for the highest; equals share the mean of their places."""
    _, place, counts = np.unique(-scores, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    shared: Numbers = (last - (counts - 1) / 2)[place]
    return shared


def fused(words: Numbers, cosines: Numbers, *, cosine_spread: float, literal: bool) -> Numbers:
    """The order's score of each paper. A paper without a vector has NaN for its cosine."""
    if literal:
        middle = np.where(np.isnan(cosines), np.nanmean(cosines), cosines)
        # Candidates spread about twice as far as the whole catalogue does.
        order: Numbers = words / max(words.std() / 2, 1e-9) + MEANING * middle / cosine_spread
        return order
    known = np.where(np.isnan(cosines), -1.0, cosines)
    votes: Numbers = 1 / (FLAT + ranks(words)) + 1 / (FLAT + ranks(known))
    return votes
