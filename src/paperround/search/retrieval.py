"""What a search looks at closely: the papers that words bring and the nearest ones, in one statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
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

from paperround.database import ReadSession
from paperround.embeddings.tables import Embedding
from paperround.papers.tables import Paper
from paperround.search import vectors
from paperround.search.analysis import Asked
from paperround.search.features import Features, Flags, Numbers, features
from paperround.search.full_text import Worded, best, given_words, matches, rows_of, sought
from paperround.search.vectors import Space, View, distance, near, of_model

NEAR: Final = 60  # that vectors bring


@dataclass(frozen=True)
class Candidates:
    """Rows are papers. `total`: papers with all the words, counted up to `POSTING` + 1."""

    ids: Sequence[str]
    features: Features
    brought: Flags  # columns are the question's terms: the index told that it has one, in whatever form
    named: Flags  # all words are in its authors' names
    strict: Flags  # it has all that was asked
    cosines: Numbers  # NaN without a vector
    total: int

    @property
    def placed(self) -> bool:
        """Vectors have a say: there is one at least."""
        return not np.isnan(self.cosines).all()


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
        **(worded.given if worded else sought(asked)),
        "names": asked.names,
        "near": [key for key, _ in by_filter or ()],
        **(view.given if view else {}),
    }
    space, by_index = view.space if view else None, not narrow
    if where and not worded:
        query = _look(space, by_index, False, where)
    else:
        query = _unfiltered(space, by_index, worded is not None)
    rows = await rows_of(session, query, given)
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
    for place, posting in enumerate(asked.postings):
        flags[np.ix_(by >> place & 1 > 0, np.array(posting.columns, int))] = True
    return flags


def _required(asked: Asked) -> list[ColumnElement[bool]]:
    """What holds for every result, near in meaning or not: phrases, and what was excluded."""
    return [matches(Paper.search, cast(asked.required, TSQUERY))] if asked.required else []


def _look(
    space: Space | None, by_index: bool, looked_up: bool, where: Sequence[ColumnElement[bool]] = ()
) -> Select[Any]:
    """What words bring is given or looked up, the nearest are brought by the index or given."""
    worded = (given_words() if looked_up else best(where)).cte("worded")
    nearby = select(func.unnest(cast(bindparam("near"), ARRAY(Text))).label("id"))
    if space and by_index:
        nearby = select(vectors.by_index(space, NEAR).subquery().c.paper_id)
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
            case((places.op("&")(1) > 0, matches(Paper.search, names)), else_=False).label("named"),
            select(func.max(worded.c.total)).scalar_subquery().label("total"),
        )
        .join(chosen, chosen.c.id == Paper.id)
        .outerjoin(worded, worded.c.id == Paper.id)
        .outerjoin(Embedding, its)
        .order_by(Paper.id)
    )


_unfiltered = lru_cache(maxsize=8)(_look)  # building it takes half as long as ranking does


def _once(value: ColumnElement[Any]) -> ColumnElement[Any]:
    """Read before the rows: a plan made for any question would read it again for each row."""
    return select(value).scalar_subquery()
