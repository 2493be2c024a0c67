"""One order from two views: the words that a paper shares, and the cosine of its vector. Pure numpy.

Where a paper holds the whole question as a phrase, people mean it literally, and the words lead: the more so
the longer it is. Else the views vote by rank, so that a paper wants to be near the top of both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from paperround.search.candidates import Candidates, Flags, Numbers
from paperround.search.question import literal
from paperround.search.wording import Asked

MEANING_OF_WORD: Final = 0.6  # what a standard deviation of the cosine counts beside one of the words'
SENTENCE: Final = 12  # words; a longer question says what it means, and its scores are worth more than ranks
MEANING_OF_SENTENCE: Final = 1.5
FLAT: Final = 60.0  # of reciprocal-rank fusion
TITLE: Final = 0.1  # what standing in the title adds to standing there once
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
    titles = [literal(title) for title in papers.titles]
    texts = [title + literal(abstract) for title, abstract in zip(titles, papers.abstracts, strict=True)]
    found, size = times(texts, asked), len(asked.terms)
    often = np.where(found > 0, 1 + np.log(np.maximum(found, 1)), 0)
    often += TITLE * in_titles(titles, asked, found)
    often[:, :size] = np.where(often[:, :size] > 0, often[:, :size], FORM * papers.brought)
    weights = np.array([*(term.idf**2 for term in asked.terms), *(run.weight for run in asked.runs)])
    lengths = np.array([max(len(text), SHORT) for text in texts], np.float64) ** LONG
    scores = often * weights / lengths[:, None]
    whole = literal(" ".join(asked.written))
    return Scored(scores.sum(axis=1), scores[:, :size], sum(whole in text for text in texts))


def times(texts: Sequence[str], asked: Asked) -> Numbers:
    """How often each text (row) has each term, then each run, as written; runs only where their parts are."""
    found = np.zeros((len(texts), len(asked.terms) + len(asked.runs)))
    for column, term in enumerate(asked.terms):
        found[:, column] = [text.count(term.written) for text in texts]
    for column, run in enumerate(asked.runs, len(asked.terms)):
        for row in np.flatnonzero(found[:, run.parts].all(axis=1)).tolist():
            found[row, column] = texts[row].count(run.written)
    return found


def in_titles(titles: Sequence[str], asked: Asked, found: Numbers) -> Flags:
    """Which of the terms and runs that a text has stand in its title."""
    written = [*(term.written for term in asked.terms), *(run.written for run in asked.runs)]
    flags = np.zeros(found.shape, np.bool_)
    rows, columns = found.nonzero()
    flags[rows, columns] = [
        written[column] in titles[row] for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
    ]
    return flags


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
