"""The search engine: its entry point is `search`, which ranks papers by full text and vectors together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Self

from sqlalchemy import ColumnElement, select

from paperround.arrays import np
from paperround.database import ReadSession
from paperround.papers.tables import ABSTRACT_TEXT, TITLE_TEXT, Author, Paper
from paperround.search import ranker
from paperround.search.analysis import AnalyzedQuery, analyze_query
from paperround.search.evidence import Evidence, weigh_evidence
from paperround.search.features import Flags, Numbers
from paperround.search.filters import NO_FILTERS, SearchFilters
from paperround.search.full_text import TextMatches, find_text_matches
from paperround.search.query_syntax import ParsedQuery
from paperround.search.query_vectors import QueryVector
from paperround.search.relevance import MatchKind, Relevance, estimate_relevance
from paperround.search.relevance_constants import UNCALIBRATED
from paperround.search.retrieval import NEAREST_LIMIT, Candidates, retrieve_candidates
from paperround.search.spelling import suggest_spelling
from paperround.search.vectors import apply_scan_settings

MAX_RESULTS: Final = 50
MAX_REASONS: Final = 5
AUTHOR_MATCH_BONUS: Final = 1000.0  # more than any score, so that these papers come first


class SearchResult(NamedTuple):
    """A paper with what ranked it.

    `relevance`, from 0 to 1, says how probable it is that the paper belongs to the query, for any alike.
    `similarity` is the cosine, −1 to 1, or None without vectors. `reasons` are the words that the paper
    shares with the query, the weightiest first.
    """

    paper_id: str
    score: float
    similarity: float | None
    reasons: tuple[str, ...]
    relevance: float
    kind: MatchKind

    @classmethod
    def of_id(cls, paper_id: str) -> Self:
        """Build the result of a query that is a paper's id."""
        return cls(paper_id, 1.0, None, (), 1.0, MatchKind.words)


@dataclass(frozen=True)
class SearchResults:
    """`total` counts the papers that match the whole query, up to `MAX_POSTINGS_PER_TERM` + 1.

    `suggestion` is the query in another spelling, where no paper matches it. `has_only_common_words` tells
    that the query has nothing but words such as "the". `is_calibrated` tells whether vectors decided what is
    relevant: without, or under a model that nobody calibrated, words alone do.
    """

    results: Sequence[SearchResult] = ()
    total: int = 0
    used_vectors: bool = False
    suggestion: str | None = None
    has_only_common_words: bool = False
    is_calibrated: bool = True


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
    has_phrases = await _check_phrases(session, analyzed_query, papers)
    total = papers.total - int((papers.is_full_match & ~has_phrases).sum())
    evidence = weigh_evidence(analyzed_query, papers)
    constants = analyzed_query.model.constants if analyzed_query.model else UNCALIBRATED
    relevance = estimate_relevance(papers.cosines, evidence.shared, evidence.is_whole, constants)
    shown = has_phrases & _is_shown(analyzed_query, papers, evidence, relevance)
    return SearchResults(
        results=_rank(analyzed_query, papers, evidence, relevance, shown, limit),
        total=total,
        suggestion=None if total else await suggest_spelling(session, query, analyzed_query),
        has_only_common_words=not analyzed_query.terms,
        used_vectors=model_vector is not None and (not papers.ids or papers.has_vectors),
        is_calibrated=constants.with_vectors is not None,
    )


def _is_filtered(query: ParsedQuery, where: Sequence[ColumnElement[bool]]) -> bool:
    return bool(where or query.phrases or query.exclusions)


async def _check_phrases(session: ReadSession, query: AnalyzedQuery, papers: Candidates) -> Flags:
    """Find the papers that have each phrase word for word, in the title, the abstract or one author's name.

    The index has stems without stop words, so it brings `rows of boats` for `row your boat`.
    """
    flags = papers.features.has_phrases.copy()
    unsure = {papers.ids[row]: row for row in np.flatnonzero(~flags).tolist()}
    if unsure and query.phrases:
        authors = select(Author.paper_id, Author.name).where(Author.paper_id.in_(unsure), ~Author.hidden)
        names: dict[str, list[str]] = {}
        for paper_id, name in await session.execute(authors):
            names.setdefault(paper_id, []).append(name)
        texts = select(Paper.id, TITLE_TEXT.label("title"), ABSTRACT_TEXT.label("abstract")).where(
            Paper.id.in_(names)
        )
        for paper_id, *of_paper in await session.execute(texts):
            flags[unsure[paper_id]] = query.allows_texts(*of_paper, *names[paper_id])
    return flags


def _is_shown(query: AnalyzedQuery, papers: Candidates, evidence: Evidence, relevance: Relevance) -> Flags:
    """Find the papers that belong into the results: they match by the letter, or are likely relevant.

    Where the query is a name, words of it that belong to different people are nothing.
    """
    if len(query.typed_terms) > 1 and _is_author_search(papers, evidence.has_all_words):
        named: Flags = papers.is_author_match | evidence.has_all_words
        return named
    flags: Flags = papers.is_author_match | evidence.is_whole | relevance.is_enough
    return flags


def _rank(
    query: AnalyzedQuery,
    papers: Candidates,
    evidence: Evidence,
    relevance: Relevance,
    shown: Flags,
    limit: int,
) -> list[SearchResult]:
    """Order the papers that are shown. Those of the author come first, then one with just this title."""
    if not papers.ids:
        return []
    text_scores = ranker.score_texts(query, papers)
    scores = ranker.score_candidates(query, papers, text_scores)
    scores = scores + AUTHOR_MATCH_BONUS * papers.features.is_title
    for_author = _is_author_search(papers, evidence.has_all_words)
    if for_author:
        scores = scores + AUTHOR_MATCH_BONUS * (papers.is_author_match + 1.0 * papers.is_exact_name)
    order = [row for row in np.argsort(-scores, kind="stable") if shown[row]]
    # The query is the name of an author of theirs, rather than their words.
    has_name = papers.is_author_match & (~evidence.has_all_words | for_author)
    has_vector = ~np.isnan(papers.cosines)
    return [
        SearchResult(
            paper_id=papers.ids[row],
            score=float(scores[row]),
            similarity=float(papers.cosines[row]) if has_vector[row] else None,
            reasons=_find_reasons(text_scores.term_scores[row], query),
            relevance=float(relevance.estimates[row]),
            kind=_find_kind(
                has_name=has_name[row],
                is_whole=evidence.is_whole[row],
                by_vector=relevance.by_vectors[row],
            ),
        )
        for row in order[:limit]
    ]


def _find_kind(*, has_name: bool, is_whole: bool, by_vector: bool) -> MatchKind:
    if has_name:
        return MatchKind.author
    if is_whole:
        return MatchKind.words
    return MatchKind.meaning if by_vector else MatchKind.some_words


def _is_author_search(papers: Candidates, has_all_words: Flags) -> bool:
    """Tell whether the query is rather a name: at least as many papers have an author of this name as have
    its words in text alone.
    """
    by_author = int(papers.is_author_match.sum())
    by_text_only = int((has_all_words & ~papers.is_author_match).sum())
    return by_author >= max(1, by_text_only)


def _find_reasons(term_scores: Numbers, query: AnalyzedQuery) -> tuple[str, ...]:
    """Find the single words that a paper shares with the query, as typed, the weightiest first."""
    heaviest = np.argsort(-term_scores, kind="stable")[:MAX_REASONS]
    positions = [query.terms[column].positions[0] for column in heaviest if term_scores[column] > 0]
    words = [query.words[position] for position in positions]
    return tuple(dict.fromkeys(query.as_typed.get(word, word) for word in words))
