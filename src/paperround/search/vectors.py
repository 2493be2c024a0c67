"""The papers nearest to a vector under one model: through its index, or exactly where a filter leaves few."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np
from pgvector.sqlalchemy import HALFVEC
from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    bindparam,
    cast,
    func,
    literal_column,
    select,
    text,
    true,
)

from paperround.database import ReadSession
from paperround.embeddings.tables import Embedding, EmbeddingModel, ModelState
from paperround.papers.tables import Paper

Vector = np.ndarray[tuple[int], np.dtype[np.float32]]

FEW: Final = 6000  # papers that are compared one by one sooner than looked up in the index
EFFORT: Final = 30  # papers that the index keeps in view beyond those wanted: more finds more, in more time
MOST_EFFORT: Final = 1000  # pgvector's own bound
CURRENT: Final = EmbeddingModel.state == ModelState.current
MOST_SCANNED: Final = 20_000  # papers that the index walks past before we compare one by one after all

# Told to PostgreSQL for a transaction, as one column: not to read all papers, to which a low estimate could
# lead it; how far the index looks; and whether statements are planned anew each time. Conditions want that: a
# plan made for any would read all vectors.
TOLD: Final = f"""ARRAY[
    set_config('enable_seqscan', 'off', true),
    set_config('hnsw.ef_search', :effort, true),
    set_config('hnsw.iterative_scan', 'relaxed_order', true),
    set_config('hnsw.max_scan_tuples', '{MOST_SCANNED}', true),
    set_config('plan_cache_mode', :planning, true)]"""


async def tell(session: ReadSession, limit: int, *, narrowed: bool) -> None:
    await session.execute(select(text(TOLD)), told(limit, narrowed=narrowed))


def told(limit: int, *, narrowed: bool) -> dict[str, str]:
    """Parameters of `TOLD`, to find so many papers among all or among those of some conditions."""
    effort = min((limit + EFFORT) * (2 if narrowed else 1), MOST_EFFORT)
    return {"effort": str(effort), "planning": f"force_{'custom' if narrowed else 'generic'}_plan"}


class Space(NamedTuple):
    """Where one model's vectors lie."""

    model_id: int
    dimensions: int


class View(NamedTuple):
    """A vector under the model that it is of."""

    model_id: int
    vector: Vector

    @property
    def space(self) -> Space:
        return Space(self.model_id, len(self.vector))

    @property
    def given(self) -> dict[str, str]:
        """The parameter of a statement with `distance`. As short as half precision allows: the vector's text
        is most of what is sent."""
        return {"vector": "[" + ",".join([f"{number:.5f}" for number in self.vector.tolist()]) + "]"}


async def nearest(
    session: ReadSession,
    vector: Vector,
    *,
    limit: int,
    where: Sequence[ColumnElement[bool]] = (),
    model_id: int | None = None,
) -> Sequence[tuple[str, float]]:
    """At most `limit` papers with their cosine (−1 to 1), nearest first, then by id.

    `where` are conditions on papers; as many of those that meet them are found as there are, up to `limit`.
    `model_id` is the model that the vector is of, else the current one. None are found under a model that
    isn't there, or whose vectors have another length.
    """
    wanted = CURRENT if model_id is None else EmbeddingModel.id == model_id
    model = select(EmbeddingModel.id, text(TOLD)).where(wanted, EmbeddingModel.dimensions == len(vector))
    row = (await session.execute(model, told(limit, narrowed=bool(where)))).one_or_none()
    return await near(session, View(row[0], vector), limit=limit, where=where) if row else []


async def near(
    session: ReadSession, view: View, *, limit: int, where: Sequence[ColumnElement[bool]] = ()
) -> Sequence[tuple[str, float]]:
    """`nearest`, where PostgreSQL has been `TOLD`."""
    if not where:
        return await _looked_up(session, view, limit, where)
    few = await _compared(session, view, limit, where, most=FEW)
    if few is not None:
        return few
    found = await _looked_up(session, view, limit, where)
    if len(found) < limit:  # those that meet the conditions lie far away
        return await _compared(session, view, limit, where, most=None) or []
    return found


def distance(space: Space, *, indexed: bool = False) -> ColumnElement[float]:
    """To a view's vector; on the column itself, which no index is on, or as the index knows it."""
    kind = HALFVEC(space.dimensions)
    given = select(cast(bindparam("vector", type_=Text), kind)).scalar_subquery()  # read once, not a row
    column = cast(Embedding.vector, kind) if indexed else Embedding.vector
    far: ColumnElement[float] = column.cosine_distance(given)
    return far.label("distance")


def of_model(space: Space) -> list[ColumnElement[bool]]:
    """The index's own condition. As a literal: a plan made for any model can't use one model's index."""
    return [Embedding.model_id == literal_column(str(space.model_id)), Embedding.vector.is_not(None)]


@lru_cache(maxsize=8)
def by_index(space: Space, limit: int) -> Select[str, float]:
    """Through the index where there is one."""
    far = distance(space, indexed=True)
    most: ColumnElement[int] = literal_column(str(limit))  # a plan for any number would sort them all
    return select(Embedding.paper_id, far).where(*of_model(space)).order_by(far).limit(most)


async def _looked_up(
    session: ReadSession, view: View, limit: int, where: Sequence[ColumnElement[bool]]
) -> Sequence[tuple[str, float]]:
    query = by_index(view.space, limit)
    if where:
        query = query.join(Paper, Paper.id == Embedding.paper_id).where(*where)
    return _in_order((await session.execute(query, view.given)).all())


async def _compared(
    session: ReadSession,
    view: View,
    limit: int,
    where: Sequence[ColumnElement[bool]],
    *,
    most: int | None,
) -> Sequence[tuple[str, float]] | None:
    """One by one. None when more than `most` papers meet the conditions: then nothing is compared."""
    kept = select(Paper.id).where(*where).limit(None if most is None else most + 1).cte("kept")
    size = select(func.count().label("papers")).select_from(kept).subquery("size")
    far = distance(view.space)
    near = (
        select(Embedding.paper_id, far)
        .join(kept, kept.c.id == Embedding.paper_id)
        .where(*of_model(view.space), *([size.c.papers <= most] if most is not None else []))
        .order_by(far)
        .limit(limit)
        .lateral("near")
    )
    query = select(size.c.papers, near.c.paper_id, near.c.distance).select_from(size.outerjoin(near, true()))
    rows = (await session.execute(query, view.given)).all()
    if most is not None and rows[0].papers > most:
        return None
    return _in_order([(key, distance) for _, key, distance in rows if key is not None])


def _in_order(rows: Sequence[Any]) -> Sequence[tuple[str, float]]:
    """The index gives them nearly in order."""
    return sorted(((key, 1 - distance) for key, distance in rows), key=lambda row: (-row[1], row[0]))
