"""Ranks search results: fuses the score of the words with the cosine of the vectors. Pure numpy.

Where a paper has the whole query as a phrase, people mean it literally, so the words count more, and more so
the longer the query is. Otherwise the two rankings are combined by reciprocal rank fusion, so that a paper
has to be near the top of both.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from paperround.arrays import np
from paperround.search.analysis import AnalyzedQuery
from paperround.search.features import Numbers
from paperround.search.retrieval import Candidates

COSINE_WEIGHT: Final = 0.6  # of a one-word query, relative to the words; both are standardized
MAX_SHORT_QUERY_WORDS: Final = 12  # scores of a longer query say more than ranks
LONG_QUERY_COSINE_WEIGHT: Final = 1.5
RRF_CONSTANT: Final = 60.0  # k of reciprocal rank fusion (Cormack et al., 2009)
INFLECTION_WEIGHT: Final = 0.5  # of another form of a word, relative to the word itself
LENGTH_EXPONENT: Final = 0.4  # of the length normalization; a cosine would have 0.5
MIN_TEXT_LENGTH: Final = 500  # characters; a shorter text counts as if it had this length


class TextScores(NamedTuple):
    """Rows are papers. `term_scores` has what each term (column) adds to `totals`."""

    totals: Numbers
    term_scores: Numbers
    phrase_matches: int  # papers with the whole query as a phrase


def score_texts(query: AnalyzedQuery, papers: Candidates) -> TextScores:
    """Score papers by tf-idf with length normalization, over terms and n-grams of two and three words."""
    log_counts, term_count = papers.features.log_counts.copy(), len(query.terms)
    log_counts[:, :term_count] = np.where(
        log_counts[:, :term_count] > 0, log_counts[:, :term_count], INFLECTION_WEIGHT * papers.has_term
    )
    weights = np.array([*(term.idf**2 for term in query.terms), *(ngram.weight for ngram in query.ngrams)])
    lengths = np.maximum(papers.features.lengths, MIN_TEXT_LENGTH) ** LENGTH_EXPONENT
    scores = log_counts * weights / lengths[:, None]
    return TextScores(scores.sum(axis=1), scores[:, :term_count], int(papers.features.has_whole_query.sum()))


def score_candidates(
    query: AnalyzedQuery, papers: Candidates, text_scores: TextScores | None = None
) -> Numbers:
    """Score at least one paper by words and, where there are any, vectors. The best score highest."""
    text_scores = text_scores or score_texts(query, papers)
    if not papers.has_vectors:
        return text_scores.totals
    return fuse_scores(text_scores, papers.cosines, length=len(query.whole_text.split()))


def compute_ranks(scores: Numbers) -> Numbers:
    """Rank the scores: 1 for the highest; equal scores get the mean of their ranks."""
    _, group, counts = np.unique(-scores, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    mean_ranks: Numbers = (last - (counts - 1) / 2)[group]
    return mean_ranks


def fuse_scores(text_scores: TextScores, cosines: Numbers, *, length: int) -> Numbers:
    """Fuse both scores into the one that orders the papers.

    A paper without a vector has NaN as its cosine. `length` is the query's number of words.
    """
    if text_scores.phrase_matches or length > MAX_SHORT_QUERY_WORDS:
        complete_cosines = np.where(np.isnan(cosines), np.nanmean(cosines), cosines)
        cosine_weight = LONG_QUERY_COSINE_WEIGHT if length > MAX_SHORT_QUERY_WORDS else COSINE_WEIGHT / length
        fused: Numbers = standardize(text_scores.totals) + cosine_weight * standardize(complete_cosines)
        return fused
    ranked_cosines = np.where(np.isnan(cosines), -1.0, cosines)
    fused_ranks: Numbers = 1 / (RRF_CONSTANT + compute_ranks(text_scores.totals)) + 1 / (
        RRF_CONSTANT + compute_ranks(ranked_cosines)
    )
    return fused_ranks


def standardize(scores: Numbers) -> Numbers:
    """Subtract the mean and divide by the standard deviation."""
    result: Numbers = (scores - scores.mean()) / max(scores.std(), 1e-9)
    return result
