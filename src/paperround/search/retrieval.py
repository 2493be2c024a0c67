"""Retrieval: loads the candidates of a search, by words and by nearest vectors, in one statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    Text,
    and_,
    bindparam,
    case,
    cast,
    false,
    func,
    null,
    select,
    union,
)
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY

from paperround.arrays import np
from paperround.database import ReadSession
from paperround.embeddings.tables import Embedding
from paperround.papers.tables import ABSTRACT_TEXT, TITLE_TEXT, Paper
from paperround.search.analysis import AnalyzedQuery
from paperround.search.features import Flags, Numbers, TextFeatures, compute_text_features
from paperround.search.full_text import (
    TextMatches,
    fetch_rows,
    matches_tsquery,
    select_best_matches,
    select_known_matches,
    text_match_parameters,
)
from paperround.search.vectors import (
    ModelVector,
    VectorSpace,
    distance_to,
    find_neighbors,
    in_space,
    select_by_index,
)

NEAREST_LIMIT: Final = 60  # papers that the query's vector finds


@dataclass(frozen=True)
class Candidates:
    """Rows are papers. `total` counts matches of the whole query, up to `MAX_POSTINGS_PER_TERM` + 1."""

    ids: Sequence[str]
    features: TextFeatures
    has_term: Flags  # columns are the query's terms: the index has the paper under it, in whatever form
    is_author_match: Flags  # the query may be the name of one of its authors
    is_exact_name: Flags  # the query is the whole name of one of its authors
    is_full_match: Flags  # the paper matches the whole query
    cosines: Numbers  # NaN for a paper without a vector
    total: int

    @property
    def has_vectors(self) -> bool:
        """Whether at least one paper has a vector."""
        return not np.isnan(self.cosines).all()


async def retrieve_candidates(
    session: ReadSession,
    query: AnalyzedQuery,
    vector: ModelVector | None,
    *,
    where: Sequence[ColumnElement[bool]],
    text_matches: TextMatches | None = None,
) -> Candidates:
    """Load the papers that the words find and those nearest to the vector, each with its cosine.

    `text_matches` are the word matches if they were looked up earlier.
    """
    conditions = [*where, *_required_conditions(query)]
    neighbors = (
        await find_neighbors(session, vector, limit=NEAREST_LIMIT, where=conditions)
        if vector and conditions
        else ()
    )
    parameters = {
        **(text_matches.parameters if text_matches else text_match_parameters(query)),
        "neighbor_ids": [neighbor.paper_id for neighbor in neighbors],
        **(vector.parameters if vector else {}),
    }
    space, by_index = vector.space if vector else None, not conditions
    if where and not text_matches:
        statement = _select_candidates(space, by_index, False, where)
    else:
        statement = _select_unfiltered_candidates(space, by_index, text_matches is not None)
    rows = await fetch_rows(session, statement, parameters)
    posting_bits = np.array([row.posting_bits for row in rows], np.int64)
    return Candidates(
        ids=[row.id for row in rows],
        features=_compute_features(query, rows, text_matches),
        has_term=_find_matched_terms(posting_bits, query),
        is_author_match=_has_bit(posting_bits, -2, query),
        is_exact_name=_has_bit(posting_bits, -1, query),
        is_full_match=posting_bits & 1 > 0 if query.strict_tsquery else np.zeros(len(rows), np.bool_),
        cosines=np.array([row.cosine for row in rows], np.float64),  # None becomes NaN
        total=rows[0].total or 0 if rows and query.strict_tsquery else 0,
    )


def _compute_features(
    query: AnalyzedQuery, rows: Sequence[Row[Any]], text_matches: TextMatches | None
) -> TextFeatures:
    """Compute the features of the rows in their order; those of `text_matches` are known already."""
    known_ids = text_matches.ids if text_matches else ()
    index_of = {paper_id: index for index, paper_id in enumerate(known_ids)}
    new_rows = [row for row in rows if row.id not in index_of]
    features = compute_text_features(
        query, [row.title for row in new_rows], [row.abstract for row in new_rows]
    )
    if not text_matches:
        return features
    index_of |= {row.id: index for index, row in enumerate(new_rows, len(index_of))}
    return text_matches.features.combine(features, [index_of[row.id] for row in rows])


def _has_bit(posting_bits: np.ndarray[Any, Any], position: int, query: AnalyzedQuery) -> Flags:
    """Find the papers that a lookup of names brought; `position` counts from the end."""
    if query.name is None:
        return np.zeros(len(posting_bits), np.bool_)
    flags: Flags = posting_bits >> (len(query.posting_queries) + position) & 1 > 0
    return flags


def _find_matched_terms(posting_bits: np.ndarray[Any, Any], query: AnalyzedQuery) -> Flags:
    has_term = np.zeros((len(posting_bits), len(query.terms)), np.bool_)
    for bit, posting in enumerate(query.posting_queries):
        has_term[np.ix_(posting_bits >> bit & 1 > 0, np.array(posting.columns, int))] = True
    return has_term


def _required_conditions(query: AnalyzedQuery) -> list[ColumnElement[bool]]:
    """Phrases and exclusions, which hold for every result, also for one near in meaning."""
    if not query.required_tsquery:
        return []
    return [matches_tsquery(Paper.search, cast(query.required_tsquery, TSQUERY))]


def _select_candidates(
    space: VectorSpace | None,
    by_index: bool,
    text_matches_known: bool,
    where: Sequence[ColumnElement[bool]] = (),
) -> Select[Any]:
    """Both the word matches and the neighbors are either searched for here or passed as parameters."""
    text_matches = (select_known_matches() if text_matches_known else select_best_matches(where)).cte(
        "text_matches"
    )
    neighbors = select(func.unnest(cast(bindparam("neighbor_ids"), ARRAY(Text))).label("id"))
    if space and by_index:
        neighbors = select(select_by_index(space, NEAREST_LIMIT).subquery().c.paper_id)
    candidates = union(select(text_matches.c.id), neighbors).cte("candidates")
    posting_bits = func.coalesce(text_matches.c.posting_bits, 0)
    texts = TITLE_TEXT.label("title"), ABSTRACT_TEXT.label("abstract")
    if text_matches_known:  # their texts were read already
        columns = [case((text_matches.c.id.is_(None), text)).label(text.key) for text in texts]
    else:
        columns = [text.label(text.key) for text in texts]
    has_embedding = and_(Embedding.paper_id == Paper.id, *in_space(space)) if space else false()
    return (
        select(
            Paper.id,
            *columns,
            (1 - distance_to(space) if space else null()).label("cosine"),
            posting_bits.label("posting_bits"),
            select(func.max(text_matches.c.total)).scalar_subquery().label("total"),
        )
        .join(candidates, candidates.c.id == Paper.id)
        .outerjoin(text_matches, text_matches.c.id == Paper.id)
        .outerjoin(Embedding, has_embedding)
        .order_by(Paper.id)
    )


# Cached, because building the statement takes half as long as ranking does.
_select_unfiltered_candidates = lru_cache(maxsize=8)(_select_candidates)
