"""The papers nearest to a vector under one model: through its index, or exactly where a filter leaves few."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from pgvector.sqlalchemy import HALFVEC
from sqlalchemy import (
    ColumnElement,
    Integer,
    Text,
    bindparam,
    cast,
    func,
    literal,
    select,
    true,
)

from paperround.database import ReadSession
from paperround.embeddings.tables import Embedding, EmbeddingModel, ModelState
from paperround.papers.tables import Paper

Vector = np.ndarray[tuple[int], np.dtype[np.float32]]

FEW: Final = 6000  # papers that are compared one by one sooner than looked up in the index
EFFORT: Final = 50  # papers that the index keeps in view beyond those wanted: more finds more, in more time
MOST_EFFORT: Final = 1000  # pgvector's own bound
MOST_SCANNED: Final = 20_000  # papers that the index walks past before we compare one by one after all


class _Model(NamedTuple):
    id: int
    dimensions: int


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
    effort = min((limit + EFFORT) * (2 if where else 1), MOST_EFFORT)
    model = await _prepared(session, model_id, effort=effort)
    if model is None or model.dimensions != len(vector):
        return []
    asked = _as_text(vector)
    if not where:
        return await _looked_up(session, model, asked, limit, where)
    few = await _compared(session, model, asked, limit, where, most=FEW)
    if few is not None:
        return few
    found = await _looked_up(session, model, asked, limit, where)
    if len(found) < limit:  # those that meet the conditions lie far away
        return await _compared(session, model, asked, limit, where, most=None) or []
    return found


async def _prepared(session: ReadSession, model_id: int | None, *, effort: int) -> _Model | None:
    """The model; and PostgreSQL is told, for this transaction, how far the index is to look."""
    settings = {
        "hnsw.ef_search": effort,
        "hnsw.iterative_scan": "relaxed_order",
        "hnsw.max_scan_tuples": MOST_SCANNED,
        "plan_cache_mode": "force_custom_plan",  # one made for any condition reads all vectors
    }
    wanted = EmbeddingModel.state == ModelState.current if model_id is None else EmbeddingModel.id == model_id
    told = [func.set_config(name, str(value), True) for name, value in settings.items()]
    row = (
        await session.execute(select(EmbeddingModel.id, EmbeddingModel.dimensions, *told).where(wanted))
    ).one_or_none()
    return _Model(row[0], row[1]) if row else None


def _as_text(vector: Vector) -> str:
    """As short as half precision allows: the text is most of what is sent."""
    return "[" + ",".join(f"{number:.5f}" for number in vector.tolist()) + "]"


def _distance(model: _Model, asked: str) -> tuple[ColumnElement[float], ColumnElement[float]]:
    """The distance as the index knows it, and on the column itself, which no index is on."""
    kind = HALFVEC(model.dimensions)
    given = cast(literal(asked, Text), kind)
    return (
        cast(Embedding.vector, kind).cosine_distance(given),
        Embedding.vector.cosine_distance(given),
    )


def _of(model: _Model) -> list[ColumnElement[bool]]:
    """The index's own condition. As a literal: a plan made for any model can't use one model's index."""
    number = bindparam(None, model.id, Integer, literal_execute=True, unique=True)
    return [Embedding.model_id == number, Embedding.vector.is_not(None)]


async def _looked_up(
    session: ReadSession, model: _Model, asked: str, limit: int, where: Sequence[ColumnElement[bool]]
) -> Sequence[tuple[str, float]]:
    """Through the index where there is one."""
    distance = _distance(model, asked)[0].label("distance")
    query = select(Embedding.paper_id, distance).where(*_of(model)).order_by(distance).limit(limit)
    if where:
        query = query.join(Paper, Paper.id == Embedding.paper_id).where(*where)
    return _in_order((await session.execute(query)).all())


async def _compared(
    session: ReadSession,
    model: _Model,
    asked: str,
    limit: int,
    where: Sequence[ColumnElement[bool]],
    *,
    most: int | None,
) -> Sequence[tuple[str, float]] | None:
    """One by one. None when more than `most` papers meet the conditions: then nothing is compared."""
    kept = select(Paper.id).where(*where).limit(None if most is None else most + 1).cte("kept")
    size = select(func.count().label("papers")).select_from(kept).subquery("size")
    distance = _distance(model, asked)[1].label("distance")
    near = (
        select(Embedding.paper_id, distance)
        .join(kept, kept.c.id == Embedding.paper_id)
        .where(*_of(model), *([size.c.papers <= most] if most is not None else []))
        .order_by(distance)
        .limit(limit)
        .lateral("near")
    )
    query = select(size.c.papers, near.c.paper_id, near.c.distance).select_from(size.outerjoin(near, true()))
    rows = (await session.execute(query)).all()
    if most is not None and rows[0].papers > most:
        return None
    return _in_order([(key, distance) for _, key, distance in rows if key is not None])


def _in_order(rows: Sequence[Any]) -> Sequence[tuple[str, float]]:
    """The index gives them nearly in order."""
    return sorted(((key, 1 - distance) for key, distance in rows), key=lambda row: (-row[1], row[0]))
