"""What papers' texts have of a question, in numbers. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from paperround.search.analysis import Asked
from paperround.search.query_syntax import literal

TITLE: Final = 0.1  # what standing in the title adds to standing there once

Numbers = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
Flags = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


class Features(NamedTuple):
    """Rows are papers."""

    often: Numbers  # columns are the question's terms, then its runs: 0 where it isn't, else from 1 up
    lengths: Numbers  # characters
    whole: Flags  # it has the whole question as a phrase

    def rows(self, others: Features, order: Sequence[int]) -> Features:
        """These rows of both one after the other."""
        return Features(
            np.concatenate([self.often, others.often])[order],
            np.concatenate([self.lengths, others.lengths])[order],
            np.concatenate([self.whole, others.whole])[order],
        )


def features(asked: Asked, titles: Sequence[str], abstracts: Sequence[str]) -> Features:
    """Of papers with these texts. A word that is there n times counts 1 + log n."""
    heads = [literal(title) for title in titles]
    texts = [head + literal(abstract) for head, abstract in zip(heads, abstracts, strict=True)]
    found = _times(texts, asked)
    often = np.where(found > 0, 1 + np.log(np.maximum(found, 1)), 0)
    whole = literal(" ".join(asked.written))
    return Features(
        often=often + TITLE * _in_titles(heads, asked, found),
        lengths=np.array([len(text) for text in texts], np.float64),
        whole=np.array([whole in text for text in texts], np.bool_),
    )


def _times(texts: Sequence[str], asked: Asked) -> Numbers:
    """How often each text (row) has each term, then each run, as written; runs only where their parts are."""
    found = np.zeros((len(texts), len(asked.terms) + len(asked.runs)))
    for column, term in enumerate(asked.terms):
        found[:, column] = [text.count(term.written) for text in texts]
    for column, run in enumerate(asked.runs, len(asked.terms)):
        for row in np.flatnonzero(found[:, run.parts].all(axis=1)).tolist():
            found[row, column] = texts[row].count(run.written)
    return found


def _in_titles(titles: Sequence[str], asked: Asked, found: Numbers) -> Flags:
    """Which of the terms and runs that a text has stand in its title."""
    written = [*(term.written for term in asked.terms), *(run.written for run in asked.runs)]
    flags = np.zeros(found.shape, np.bool_)
    rows, columns = found.nonzero()
    flags[rows, columns] = [
        written[column] in titles[row] for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
    ]
    return flags
