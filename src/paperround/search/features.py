"""Features for ranking: how often each paper's text has the query's terms and phrases. Pure numpy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

from paperround.arrays import np
from paperround.search.analysis import AnalyzedQuery
from paperround.search.query_syntax import normalize_text

TITLE_BONUS: Final = 0.1  # added to the count of a term in the title

Numbers: TypeAlias = "np.ndarray[tuple[int, ...], np.dtype[np.float64]]"
Flags: TypeAlias = "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]"


class TextFeatures(NamedTuple):
    """Rows are papers."""

    log_counts: Numbers  # columns are the query's terms, then its n-grams; 0 if absent, else 1 + ln(count)
    lengths: Numbers  # characters
    has_whole_query: Flags  # the text has the whole query as a phrase
    is_title: Flags  # the whole query is the title
    has_phrases: Flags  # title or abstract has each phrase word for word, and no excluded one

    def combine(self, others: TextFeatures, order: Sequence[int]) -> TextFeatures:
        """Append the rows of `others`, then pick the rows in `order`."""
        return TextFeatures(
            np.concatenate([self.log_counts, others.log_counts])[order],
            np.concatenate([self.lengths, others.lengths])[order],
            np.concatenate([self.has_whole_query, others.has_whole_query])[order],
            np.concatenate([self.is_title, others.is_title])[order],
            np.concatenate([self.has_phrases, others.has_phrases])[order],
        )


def compute_text_features(
    query: AnalyzedQuery, titles: Sequence[str], abstracts: Sequence[str]
) -> TextFeatures:
    """Compute the features of papers with these texts. A term that occurs n times counts 1 + ln n."""
    normalized_titles = [normalize_text(title) for title in titles]
    texts = [
        title + normalize_text(abstract) for title, abstract in zip(normalized_titles, abstracts, strict=True)
    ]
    counts = _count_terms(texts, query)
    log_counts = np.where(counts > 0, 1 + np.log(np.maximum(counts, 1)), 0)
    whole_query = normalize_text(query.whole_text)
    whole_query_words = whole_query.split()
    return TextFeatures(
        log_counts=log_counts + TITLE_BONUS * _find_in_titles(normalized_titles, query, counts),
        lengths=np.array([len(text) for text in texts], np.float64),
        has_whole_query=np.array([whole_query in text for text in texts], np.bool_),
        is_title=np.array([title.split() == whole_query_words for title in normalized_titles], np.bool_),
        has_phrases=np.array(
            [query.allows_texts(*texts) for texts in zip(titles, abstracts, strict=True)], np.bool_
        ),
    )


def _count_terms(texts: Sequence[str], query: AnalyzedQuery) -> Numbers:
    """Count each term, then each n-gram, in each text (row). An n-gram counts only where its parts are."""
    counts = np.zeros((len(texts), len(query.terms) + len(query.ngrams)))
    for column, term in enumerate(query.terms):
        counts[:, column] = [text.count(term.surface) for text in texts]
    for column, ngram in enumerate(query.ngrams, len(query.terms)):
        for row in np.flatnonzero(counts[:, ngram.parts].all(axis=1)).tolist():
            counts[row, column] = texts[row].count(ngram.surface)
    return counts


def _find_in_titles(titles: Sequence[str], query: AnalyzedQuery, counts: Numbers) -> Flags:
    """Find which of the terms and n-grams in a text are in its title."""
    surfaces = [*(term.surface for term in query.terms), *(ngram.surface for ngram in query.ngrams)]
    flags = np.zeros(counts.shape, np.bool_)
    rows, columns = counts.nonzero()
    flags[rows, columns] = [
        surfaces[column] in titles[row] for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
    ]
    return flags
