"""What a search looks at closely: papers with the rarest words and the nearest ones, in one statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
from sqlalchemy import (
    CTE,
    ColumnElement,
    Float,
    Select,
    SQLColumnExpression,
    Text,
    and_,
    bindparam,
    cast,
    func,
    null,
    select,
    true,
    union,
)
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY, TSVECTOR

from paperround.database import ReadSession
from paperround.embeddings.tables import Embedding
from paperround.papers.tables import Paper
from paperround.search import nearest
from paperround.search.nearest import distance, near, of_model
from paperround.search.wording import POSTING, Asked, postings

MOST: Final = 100  # that words bring
NEAR: Final = 60  # that vectors bring

Numbers = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
Flags = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


@dataclass(frozen=True)
class Candidates:
    """Rows are papers. `total`: papers with all the words, counted up to `POSTING` + 1."""

    ids: Sequence[str]
    titles: Sequence[str]
    abstracts: Sequence[str]
    has: Flags  # columns are the question's terms, in any form of the word
    named: Flags  # all words are in its authors' names
    strict: Flags  # it has all that was asked
    cosines: Numbers  # NaN without a vector
    total: int

    @property
    def placed(self) -> bool:
        """Vectors have a say: there is one at least."""
        return not np.isnan(self.cosines).all()


async def gather(session: ReadSession, asked: Asked, *, where: Sequence[ColumnElement[bool]]) -> Candidates:
    """The papers that words bring and those that the question's vector brings, each with its cosine."""
    view, narrow = asked.view, [*where, *_required(asked)]
    by_filter = await near(session, view, limit=NEAR, where=narrow) if view and narrow else None
    given = {
        **_given(asked),
        "most": NEAR,
        "near": [key for key, _ in by_filter or ()],
        **(view.given if view else {}),
    }
    connection = await session.connection()  # the session would make each row a result of the ORM's
    size, by_index = len(view.vector) if view else None, bool(view) and not narrow
    query = _look(size, by_index, where) if where else _unfiltered(size, by_index)
    rows = (await connection.execute(query, given)).all()
    ids, titles, abstracts, cosines, has, named, strict, totals = (
        zip(*rows, strict=True) if rows else [()] * 8
    )
    return Candidates(
        ids=ids,
        titles=titles,
        abstracts=abstracts,
        has=np.array(has, np.bool_).reshape(len(rows), len(asked.terms)),
        named=np.array(named, np.bool_),
        strict=np.array(strict, np.bool_),
        cosines=np.array(cosines, np.float64),  # None becomes NaN
        total=totals[0] if rows and asked.strict else 0,
    )


def _required(asked: Asked) -> list[ColumnElement[bool]]:
    """What holds for every result, near in meaning or not: phrases, and what was excluded."""
    return [_matches(Paper.search, cast(asked.required, TSQUERY))] if asked.required else []


def _given(asked: Asked) -> dict[str, Any]:
    sought = postings(asked)
    return {
        "queries": [query for query, _ in sought],
        "weights": [weight for _, weight in sought],
        "terms": [term.query for term in asked.terms],
        "names": asked.names,
        "strict": asked.strict,
    }


def _posted(where: Sequence[ColumnElement[bool]]) -> CTE:
    """Each word's papers, from the index: place of the posting, its weight, a paper."""
    queries = _queries("queries")
    weights = cast(bindparam("weights"), ARRAY(Float))
    posting = func.unnest(queries, weights).table_valued("query", "weight", with_ordinality="place")
    posting = posting.render_derived(name="posting")
    found = select(Paper.id).where(_matches(Paper.search, posting.c.query), *where).limit(POSTING + 1)
    found_there = found.lateral("found")
    return (
        select(posting.c.place, posting.c.weight, found_there.c.id)
        .select_from(posting.join(found_there, true()))
        .cte("posted")
    )


def _look(dimensions: int | None, by_index: bool, where: Sequence[ColumnElement[bool]] = ()) -> Select[Any]:
    """The nearest papers are brought by the index, or given."""
    posted = _posted(where)
    best = select(posted.c.id).group_by(posted.c.id)
    best = best.order_by(func.sum(posted.c.weight).desc(), posted.c.id.desc()).limit(MOST)
    nearby = select(func.unnest(cast(bindparam("near"), ARRAY(Text))).label("id"))
    if by_index and dimensions:
        nearby = select(nearest.by_index(dimensions).subquery().c.paper_id)
    whole = _read(union(select(best.subquery().c.id), nearby).cte("chosen"), dimensions)
    terms = _once(_queries("terms"))
    term = func.unnest(terms).table_valued("query").render_derived(name="term")
    return select(
        whole.c.id,
        whole.c.title,
        whole.c.abstract,
        whole.c.cosine,
        func.array(select(_matches(whole.c.words, term.c.query)).select_from(term).scalar_subquery()).label(
            "has"
        ),
        _matches(whole.c.words, _once(cast(bindparam("names"), TSQUERY))).label("named"),
        _matches(whole.c.words, _once(cast(bindparam("strict"), TSQUERY))).label("strict"),
        select(func.count()).select_from(posted).where(posted.c.place == 1).scalar_subquery().label("total"),
    ).order_by(whole.c.id)


_unfiltered = lru_cache(maxsize=8)(_look)  # building it takes half as long as ranking does


def _read(chosen: CTE, dimensions: int | None) -> CTE:
    """The long columns lie apart from the rows: joined to nothing, one is read once and not for each word."""
    words = func.coalesce(Paper.search, cast("", TSVECTOR)).op("||")(cast("", TSVECTOR))
    columns = (Paper.id, Paper.title, Paper.abstract, words.label("words"))
    if dimensions is None:
        query = select(*columns, null().label("cosine")).join(chosen, chosen.c.id == Paper.id)
        return query.cte("whole").prefix_with("MATERIALIZED")
    its = and_(Embedding.paper_id == Paper.id, *of_model())
    query = select(*columns, (1 - distance(dimensions)).label("cosine")).join(chosen, chosen.c.id == Paper.id)
    return query.outerjoin(Embedding, its).cte("whole").prefix_with("MATERIALIZED")


def _queries(name: str) -> ColumnElement[Any]:
    return cast(cast(bindparam(name), ARRAY(Text)), ARRAY(TSQUERY))


def _once(value: ColumnElement[Any]) -> ColumnElement[Any]:
    """Read before the rows: a plan made for any question would read it again for each row."""
    return select(value).scalar_subquery()


def _matches(words: SQLColumnExpression[Any], query: SQLColumnExpression[Any]) -> ColumnElement[bool]:
    return words.op("@@", is_comparison=True)(query)
