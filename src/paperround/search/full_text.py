"""What a question's words bring: the papers that have the rarest of them, told by the index alone."""

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
from paperround.papers.tables import Paper
from paperround.search.analysis import POSTING, Asked
from paperround.search.features import Features, features

FEW_WORDS: Final = 4  # more papers have all of them, and each takes less time to look at
MOST: Final = 100  # that words bring
MOST_BY_FEW: Final = 200  # that few words bring


class Worded(NamedTuple):
    """Papers that words bring. `places`: a bit for each posting that it is in; `total`: as in Candidates."""

    ids: Sequence[str]
    places: Sequence[int]
    total: int
    features: Features

    @property
    def given(self) -> dict[str, Any]:
        return {"ids": list(self.ids), "places": list(self.places), "total": self.total}


async def look_up(session: ReadSession, asked: Asked, *, where: Sequence[ColumnElement[bool]]) -> Worded:
    """The papers that words bring, where `gather` shall not look for them itself."""
    query = _read_words(where) if where else _read_words_of_all()
    rows = await rows_of(session, query, sought(asked))
    ids, places, totals, titles, abstracts = zip(*rows, strict=True) if rows else [()] * 5
    return Worded(ids, places, totals[0] if totals else 0, features(asked, titles, abstracts))


def sought(asked: Asked) -> dict[str, Any]:
    """Parameters of a statement with `best`."""
    return {
        "queries": [posting.query for posting in asked.postings],
        "weights": [posting.weight for posting in asked.postings],
        "most": MOST_BY_FEW if len(asked.terms) <= FEW_WORDS else MOST,
    }


def best(where: Sequence[ColumnElement[bool]] = ()) -> Select[Any]:
    """The best papers by each word's papers, which the index tells. `places`: a bit for each posting."""
    queries = cast(cast(bindparam("queries"), ARRAY(Text)), ARRAY(TSQUERY))
    weights = cast(bindparam("weights"), ARRAY(Float))
    posting = func.unnest(queries, weights).table_valued("query", "weight", with_ordinality="place")
    posting = posting.render_derived(name="posting")
    found = select(Paper.id).where(matches(Paper.search, posting.c.query), *where).limit(POSTING + 1)
    found_there = found.lateral("found")
    posted = (
        select(posting.c.place, posting.c.weight, found_there.c.id)
        .select_from(posting.join(found_there, true()))
        .cte("posted")
    )
    bit = cast(literal(1), BigInteger).op("<<")(cast(posted.c.place - 1, Integer))
    total = select(func.count()).select_from(posted).where(posted.c.place == 1).scalar_subquery()
    return (
        select(posted.c.id, func.bit_or(bit).label("places"), total.label("total"))
        .group_by(posted.c.id)
        .order_by(func.sum(posted.c.weight).desc(), posted.c.id.desc())
        .limit(bindparam("most", type_=Integer))
    )


def _read_words(where: Sequence[ColumnElement[bool]] = ()) -> Select[Any]:
    worded = best(where).subquery()
    texts = select(worded.c.id, worded.c.places, worded.c.total, Paper.title, Paper.abstract)
    return texts.join(Paper, Paper.id == worded.c.id)


_read_words_of_all = lru_cache(maxsize=1)(_read_words)


def given_words() -> Select[Any]:
    """As `best`, of what was looked up before; parameters are `Worded.given`."""
    ids, places = cast(bindparam("ids"), ARRAY(Text)), cast(bindparam("places"), ARRAY(BigInteger))
    given = func.unnest(ids, places).table_valued("id", "places").render_derived(name="given")
    return select(given.c.id, given.c.places, cast(bindparam("total"), BigInteger).label("total"))


async def rows_of(session: ReadSession, query: Select[Any], given: dict[str, Any]) -> Sequence[Row[Any]]:
    """Of the connection: the session would make each row a result of the ORM's."""
    connection = await session.connection()
    rows: Sequence[Row[Any]] = (await connection.execute(query, given)).all()
    return rows


def matches(words: SQLColumnExpression[Any], query: SQLColumnExpression[Any]) -> ColumnElement[bool]:
    return words.op("@@", is_comparison=True)(query)
