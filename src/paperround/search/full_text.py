"""Full-text retrieval: the papers that have the rarest words of a query, found through the index alone."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Float,
    Integer,
    Row,
    Select,
    SQLColumnExpression,
    Text,
    bindparam,
    cast,
    func,
    literal,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY

from paperround.database import ReadSession
from paperround.papers.tables import ABSTRACT_TEXT, TITLE_TEXT, Paper
from paperround.search.analysis import MAX_POSTINGS_PER_TERM, AnalyzedQuery
from paperround.search.features import TextFeatures, compute_text_features

MAX_SHORT_QUERY_TERMS: Final = 4  # more papers have all terms of a short query, and each is quicker to score
MAX_TEXT_MATCHES: Final = 100
MAX_SHORT_QUERY_MATCHES: Final = 200


class TextMatches(NamedTuple):
    """Papers that the query's words find.

    `posting_bits` has, for each paper, one bit for each posting query that it matches, the first one lowest.
    `total` is as in `Candidates`.
    """

    ids: Sequence[str]
    posting_bits: Sequence[int]
    total: int
    features: TextFeatures

    @property
    def parameters(self) -> dict[str, Any]:
        """Parameters of a statement with `select_known_matches`."""
        return {"ids": list(self.ids), "posting_bits": list(self.posting_bits), "total": self.total}


async def find_text_matches(
    session: ReadSession, query: AnalyzedQuery, *, where: Sequence[ColumnElement[bool]]
) -> TextMatches:
    """Find the papers that match the query's words, ahead of `retrieve_candidates`."""
    statement = _select_matches_with_texts(where) if where else _select_all_matches_with_texts()
    rows = await fetch_rows(session, statement, text_match_parameters(query))
    return TextMatches(
        ids=[row.id for row in rows],
        posting_bits=[row.posting_bits for row in rows],
        total=rows[0].total if rows else 0,
        features=compute_text_features(query, [row.title for row in rows], [row.abstract for row in rows]),
    )


def text_match_parameters(query: AnalyzedQuery) -> dict[str, Any]:
    """Parameters of a statement with `select_best_matches`."""
    is_short = len(query.terms) <= MAX_SHORT_QUERY_TERMS
    return {
        "queries": [posting.tsquery for posting in query.posting_queries],
        "weights": [posting.weight for posting in query.posting_queries],
        "max_matches": MAX_SHORT_QUERY_MATCHES if is_short else MAX_TEXT_MATCHES,
    }


def select_best_matches(where: Sequence[ColumnElement[bool]] = ()) -> Select[Any]:
    """Select the papers with the highest sum of weights over the posting queries that they match.

    The columns are the fields of `TextMatches` with the same names.
    """
    queries = cast(cast(bindparam("queries"), ARRAY(Text)), ARRAY(TSQUERY))
    weights = cast(bindparam("weights"), ARRAY(Float))
    posting = func.unnest(queries, weights).table_valued("query", "weight", with_ordinality="position")
    posting = posting.render_derived(name="posting")
    matches = (
        select(Paper.id)
        .where(matches_tsquery(Paper.search, posting.c.query), *where)
        .limit(MAX_POSTINGS_PER_TERM + 1)
    )
    matches_of_posting = matches.lateral("matches")
    posted = (
        select(posting.c.position, posting.c.weight, matches_of_posting.c.id)
        .select_from(posting.join(matches_of_posting, true()))
        .cte("posted")
    )
    bit = cast(literal(1), BigInteger).op("<<")(cast(posted.c.position - 1, Integer))
    total = select(func.count()).select_from(posted).where(posted.c.position == 1).scalar_subquery()
    return (
        select(posted.c.id, func.bit_or(bit).label("posting_bits"), total.label("total"))
        .group_by(posted.c.id)
        .order_by(func.sum(posted.c.weight).desc(), posted.c.id.desc())
        .limit(bindparam("max_matches", type_=Integer))
    )


def _select_matches_with_texts(where: Sequence[ColumnElement[bool]] = ()) -> Select[Any]:
    matches = select_best_matches(where).subquery()
    texts = select(
        matches.c.id,
        matches.c.posting_bits,
        matches.c.total,
        TITLE_TEXT.label("title"),
        ABSTRACT_TEXT.label("abstract"),
    )
    return texts.join(Paper, Paper.id == matches.c.id)


_select_all_matches_with_texts = lru_cache(maxsize=1)(_select_matches_with_texts)


def select_known_matches() -> Select[Any]:
    """Select what `select_best_matches` found earlier, from the parameters `TextMatches.parameters`."""
    ids = cast(bindparam("ids"), ARRAY(Text))
    posting_bits = cast(bindparam("posting_bits"), ARRAY(BigInteger))
    known = func.unnest(ids, posting_bits).table_valued("id", "posting_bits").render_derived(name="known")
    return select(known.c.id, known.c.posting_bits, cast(bindparam("total"), BigInteger).label("total"))


async def fetch_rows(
    session: ReadSession, statement: Select[Any], parameters: dict[str, Any]
) -> Sequence[Row[Any]]:
    """Fetch rows straight from the connection, which saves the ORM's work on each row."""
    connection = await session.connection()
    rows: Sequence[Row[Any]] = (await connection.execute(statement, parameters)).all()
    return rows


def matches_tsquery(
    search_column: SQLColumnExpression[Any], tsquery: SQLColumnExpression[Any]
) -> ColumnElement[bool]:
    return search_column.op("@@", is_comparison=True)(tsquery)
