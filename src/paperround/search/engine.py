"""The search engine: its entry point is `search`, which ranks papers by full text and vectors together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from sqlalchemy import ColumnElement

from paperround.database import ReadSession
from paperround.search import ranker
from paperround.search.analysis import AnalyzedQuery, analyze_query
from paperround.search.features import Numbers
from paperround.search.filters import NO_FILTERS, SearchFilters
from paperround.search.full_text import TextMatches, find_text_matches
from paperround.search.query_syntax import ParsedQuery
from paperround.search.query_vectors import QueryVector
from paperround.search.retrieval import NEAREST_LIMIT, Candidates, retrieve_candidates
from paperround.search.vectors import apply_scan_settings

MAX_RESULTS: Final = 50
MAX_REASONS: Final = 5
AUTHOR_MATCH_BONUS: Final = 1000.0  # more than any score, so that these papers come first


class SearchResult(NamedTuple):
    """A paper with what ranked it.

    `similarity` is the cosine, −1 to 1, or None without vectors. `reasons` are the words that the paper
    shares with the query, the weightiest first.
    """

    paper_id: str
    score: float
    similarity: float | None
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class SearchResults:
    """`total` counts the papers that match the whole query, up to `MAX_POSTINGS_PER_TERM` + 1."""

    results: Sequence[SearchResult] = ()
    total: int = 0
    used_vectors: bool = False


NO_RESULTS: Final = SearchResults()


class TextLookup(NamedTuple):
    """The result of looking up a query's words under some filters."""

    analyzed_query: AnalyzedQuery
    text_matches: TextMatches


async def look_up_text(
    session: ReadSession, query: ParsedQuery, *, filters: SearchFilters = NO_FILTERS
) -> TextLookup | None:
    """Do the part of a search that needs no vector, while the vector is being made. None without words."""
    if not query.words:
        return None
    where = filters.conditions
    filtered = _is_filtered(query, where)
    analyzed_query = await analyze_query(session, query, nearest_limit=NEAREST_LIMIT, filtered=filtered)
    return TextLookup(analyzed_query, await find_text_matches(session, analyzed_query, where=where))


async def search(
    session: ReadSession,
    query: ParsedQuery,
    vector: QueryVector | None,
    *,
    filters: SearchFilters = NO_FILTERS,
    limit: int = MAX_RESULTS,
    text_lookup: TextLookup | None = None,
) -> SearchResults:
    """Find the best `limit` papers for a query.

    `vector` is the query's; without it, full text alone ranks. `text_lookup` is the result of `look_up_text`
    for the same query and filters, if it was called.
    """
    if not query.words:
        return NO_RESULTS
    where = filters.conditions
    filtered = _is_filtered(query, where)
    text_matches: TextMatches | None = None
    if text_lookup:
        analyzed_query, text_matches = text_lookup
        await apply_scan_settings(session, NEAREST_LIMIT, filtered=filtered)
    else:
        analyzed_query = await analyze_query(session, query, nearest_limit=NEAREST_LIMIT, filtered=filtered)
    model_vector = analyzed_query.to_model_vector(vector)
    papers = await retrieve_candidates(
        session, analyzed_query, model_vector, where=where, text_matches=text_matches
    )
    return SearchResults(
        results=_rank(analyzed_query, papers, limit),
        total=papers.total,
        used_vectors=model_vector is not None and (not papers.ids or papers.has_vectors),
    )


def _is_filtered(query: ParsedQuery, where: Sequence[ColumnElement[bool]]) -> bool:
    return bool(where or query.phrases or query.exclusions)


def _rank(query: AnalyzedQuery, papers: Candidates, limit: int) -> list[SearchResult]:
    if not papers.ids:
        return []
    text_scores = ranker.score_texts(query, papers)
    scores = text_scores.totals
    if papers.has_vectors:
        scores = ranker.fuse_scores(text_scores, papers.cosines, length=len(query.words))
    if _is_author_search(papers):
        scores = scores + AUTHOR_MATCH_BONUS * papers.is_author_match
    return [
        SearchResult(
            paper_id=papers.ids[row],
            score=float(scores[row]),
            similarity=None if np.isnan(papers.cosines[row]) else float(papers.cosines[row]),
            reasons=_find_reasons(text_scores.term_scores[row], query),
        )
        for row in np.argsort(-scores, kind="stable")[:limit]
    ]


def _is_author_search(papers: Candidates) -> bool:
    """Tell whether at least as many papers match the query in their authors' names as only elsewhere."""
    by_author = int(papers.is_author_match.sum())
    by_text_only = int((papers.is_full_match & ~papers.is_author_match).sum())
    return by_author >= max(1, by_text_only)


def _find_reasons(term_scores: Numbers, query: AnalyzedQuery) -> tuple[str, ...]:
    """Find the single words that a paper shares with the query, as typed, the weightiest first."""
    heaviest = np.argsort(-term_scores, kind="stable")[:MAX_REASONS]
    positions = [query.terms[column].positions[0] for column in heaviest if term_scores[column] > 0]
    return tuple(dict.fromkeys(query.words[position] for position in positions))
