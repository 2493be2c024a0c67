"""Evidence: what speaks for each candidate of a search. Pure numpy."""

from __future__ import annotations

from typing import NamedTuple

from paperround.arrays import np
from paperround.search.analysis import AnalyzedQuery
from paperround.search.features import Flags, Numbers
from paperround.search.retrieval import Candidates


class Evidence(NamedTuple):
    """What speaks for each of the papers.

    `has_all_words`: title and abstract have all words as they were typed. `is_whole`: they match the whole
    query. `shared`: the share of the query's terms that a paper has, 0 to 1, weighted by rarity.
    """

    has_all_words: Flags
    is_whole: Flags
    shared: Numbers


def weigh_evidence(query: AnalyzedQuery, papers: Candidates) -> Evidence:
    """Weigh what speaks for each of the candidates."""
    has_all_words = _has_all_words(query, papers)
    # The index tells this of the papers that it was asked for; the nearest vectors bring others.
    return Evidence(has_all_words, papers.is_full_match | has_all_words, _share_words(query, papers))


def _share_words(query: AnalyzedQuery, papers: Candidates) -> Numbers:
    if not query.terms:
        return np.zeros(len(papers.ids))
    weights = np.array([term.idf - 1 for term in query.terms])
    if not weights.any():  # no word has been counted yet
        weights[:] = 1.0
    total = weights[query.typed_columns].sum() or 1.0
    has_word = (papers.features.log_counts[:, : len(query.terms)] > 0) | papers.has_term
    share: Numbers = np.minimum(has_word @ weights / total, 1.0)
    return share


def _has_all_words(query: AnalyzedQuery, papers: Candidates) -> Flags:
    """Find the papers whose title and abstract have all words as they were typed."""
    columns = query.typed_columns
    if not columns:
        return np.zeros(len(papers.ids), np.bool_)
    has_all: Flags = np.logical_and.reduce(papers.features.log_counts[:, columns] > 0, axis=1)
    return has_all
