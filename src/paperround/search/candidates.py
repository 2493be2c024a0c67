"""What a search looks at closely: papers with the rarest words and the nearest ones, in one statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Float,
    Integer,
    Row,
    Select,
    SQLColumnExpression,
    Text,
    and_,
    bindparam,
    case,
    cast,
    false,
    func,
    literal,
    null,
    select,
    true,
    union,
)
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY

from paperround.database import ReadSession
from paperround.embeddings.tables import Embedding
from paperround.papers.tables import Paper
from paperround.search import nearest
from paperround.search.features import Features, Flags, Numbers, features
from paperround.search.nearest import Space, View, distance, near, of_model
from paperround.search.wording import POSTING, Asked, postings

FEW_WORDS: Final = 4  # more papers have all of them, and each takes less time to look at
MOST: Final = 100  # that words bring
MOST_BY_FEW: Final = 200  # that few words bring
NEAR: Final = 60  # that vectors bring


@dataclass(frozen=True)
class Candidates:
    """Rows are papers. `total`: papers with all the words, counted up to `POSTING` + 1."""

    ids: Sequence[str]
    features: Features
    brought: (
        Flags  # columns are the question's terms: by the index it has that, in any form, perhaps in a name
    )
    named: Flags  # all words are in its authors' names
    strict: Flags  # it has all that was asked
    cosines: Numbers  # NaN without a vector
    total: int

    @property
    def placed(self) -> bool:
        """Vectors have a say: there is one at least."""
        return not np.isnan(self.cosines).all()


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
    rows = await _rows(session, query, _sought(asked))
    ids, places, totals, titles, abstracts = zip(*rows, strict=True) if rows else [()] * 5
    return Worded(ids, places, totals[0] if totals else 0, features(asked, titles, abstracts))


async def gather(
    session: ReadSession,
    asked: Asked,
    view: View | None,
    *,
    where: Sequence[ColumnElement[bool]],
    worded: Worded | None = None,
) -> Candidates:
    """The papers that words bring and those that the question's vector brings, each with its cosine."""
    narrow = [*where, *_required(asked)]
    by_filter = await near(session, view, limit=NEAR, where=narrow) if view and narrow else None
    given = {
        **(worded.given if worded else _sought(asked)),
        "names": asked.names,
        "near": [key for key, _ in by_filter or ()],
        **(view.given if view else {}),
    }
    space, by_index = view.space if view else None, not narrow
    if where and not worded:
        query = _look(space, by_index, False, where)
    else:
        query = _unfiltered(space, by_index, worded is not None)
    rows = await _rows(session, query, given)
    ids, _, _, cosines, places, named, totals = zip(*rows, strict=True) if rows else [()] * 7
    by = np.array(places, np.int64)
    return Candidates(
        ids=ids,
        features=_features(asked, rows, worded),
        brought=_brought(by, asked),
        named=np.array(named, np.bool_),
        strict=by & 1 > 0 if asked.strict else np.zeros(len(rows), np.bool_),
        cosines=np.array(cosines, np.float64),  # None becomes NaN
        total=totals[0] or 0 if rows and asked.strict else 0,
    )


async def _rows(session: ReadSession, query: Select[Any], given: dict[str, Any]) -> Sequence[Row[Any]]:
    """Of the connection: the session would make each row a result of the ORM's."""
    connection = await session.connection()
    rows: Sequence[Row[Any]] = (await connection.execute(query, given)).all()
    return rows


def _features(asked: Asked, rows: Sequence[Row[Any]], worded: Worded | None) -> Features:
    """Of rows in their order; those that words brought before are known."""
    known = {key: place for place, key in enumerate(worded.ids)} if worded else {}
    new = [row for row in rows if row.id not in known]
    fresh = features(asked, [row.title for row in new], [row.abstract for row in new])
    if not worded:
        return fresh
    known |= {row.id: place for place, row in enumerate(new, len(known))}
    return worded.features.rows(fresh, [known[row.id] for row in rows])


def _brought(by: np.ndarray[Any, Any], asked: Asked) -> Flags:
    flags = np.zeros((len(by), len(asked.terms)), np.bool_)
    for place, posting in enumerate(postings(asked)):
        flags[np.ix_(by >> place & 1 > 0, np.array(posting.columns, int))] = True
    return flags


def _required(asked: Asked) -> list[ColumnElement[bool]]:
    """What holds for every result, near in meaning or not: phrases, and what was excluded."""
    return [_matches(Paper.search, cast(asked.required, TSQUERY))] if asked.required else []


def _sought(asked: Asked) -> dict[str, Any]:
    sought = postings(asked)
    return {
        "queries": [posting.query for posting in sought],
        "weights": [posting.weight for posting in sought],
        "most": MOST_BY_FEW if len(asked.terms) <= FEW_WORDS else MOST,
    }


def _words(where: Sequence[ColumnElement[bool]] = ()) -> Select[Any]:
    """The best papers by each word's papers, which the index tells. `places`: a bit for each posting."""
    queries = _queries("queries")
    weights = cast(bindparam("weights"), ARRAY(Float))
    posting = func.unnest(queries, weights).table_valued("query", "weight", with_ordinality="place")
    posting = posting.render_derived(name="posting")
    found = select(Paper.id).where(_matches(Paper.search, posting.c.query), *where).limit(POSTING + 1)
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
    worded = _words(where).subquery()
    texts = select(worded.c.id, worded.c.places, worded.c.total, Paper.title, Paper.abstract)
    return texts.join(Paper, Paper.id == worded.c.id)


_read_words_of_all = lru_cache(maxsize=1)(_read_words)


def _given_words() -> Select[Any]:
    ids, places = cast(bindparam("ids"), ARRAY(Text)), cast(bindparam("places"), ARRAY(BigInteger))
    given = func.unnest(ids, places).table_valued("id", "places").render_derived(name="given")
    return select(given.c.id, given.c.places, cast(bindparam("total"), BigInteger).label("total"))


def _look(
    space: Space | None, by_index: bool, looked_up: bool, where: Sequence[ColumnElement[bool]] = ()
) -> Select[Any]:
    """What words bring is given or looked up, the nearest are brought by the index or given."""
    worded = (_given_words() if looked_up else _words(where)).cte("worded")
    nearby = select(func.unnest(cast(bindparam("near"), ARRAY(Text))).label("id"))
    if space and by_index:
        nearby = select(nearest.by_index(space, NEAR).subquery().c.paper_id)
    chosen = union(select(worded.c.id), nearby).cte("chosen")
    places = func.coalesce(worded.c.places, 0)
    names = _once(cast(bindparam("names"), TSQUERY))
    texts = Paper.title, Paper.abstract  # of those looked up they are known
    its = and_(Embedding.paper_id == Paper.id, *of_model(space)) if space else false()
    return (
        select(
            Paper.id,
            *((case((worded.c.id.is_(None), text)) if looked_up else text).label(text.key) for text in texts),
            (1 - distance(space) if space else null()).label("cosine"),
            places.label("places"),
            # Read only where all words are: the column is long.
            case((places.op("&")(1) > 0, _matches(Paper.search, names)), else_=False).label("named"),
            select(func.max(worded.c.total)).scalar_subquery().label("total"),
        )
        .join(chosen, chosen.c.id == Paper.id)
        .outerjoin(worded, worded.c.id == Paper.id)
        .outerjoin(Embedding, its)
        .order_by(Paper.id)
    )


_unfiltered = lru_cache(maxsize=8)(_look)  # building it takes half as long as ranking does


def _queries(name: str) -> ColumnElement[Any]:
    return cast(cast(bindparam(name), ARRAY(Text)), ARRAY(TSQUERY))


def _once(value: ColumnElement[Any]) -> ColumnElement[Any]:
    """Read before the rows: a plan made for any question would read it again for each row."""
    return select(value).scalar_subquery()


def _matches(words: SQLColumnExpression[Any], query: SQLColumnExpression[Any]) -> ColumnElement[bool]:
    return words.op("@@", is_comparison=True)(query)
