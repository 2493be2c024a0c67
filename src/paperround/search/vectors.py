"""Nearest-neighbour search over the papers' vectors: through the HNSW index, or exact for small sets."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeAlias

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

from paperround.arrays import np
from paperround.database import ReadSession
from paperround.embeddings.tables import Embedding, EmbeddingModel, ModelState
from paperround.papers.tables import Paper

Vector: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.float32]]"

MAX_EXACT_CANDIDATES: Final = 6000  # up to so many papers, comparing all of them is faster than the index
EXTRA_EF_SEARCH: Final = (
    30  # candidates beyond the limit that the index keeps: more is more exact, and slower
)
MAX_EF_SEARCH: Final = 1000  # pgvector's own bound
MAX_SCAN_TUPLES: Final = 20_000  # papers that the index visits before it gives up
IS_CURRENT_MODEL: Final = EmbeddingModel.state == ModelState.current

# Applies PostgreSQL's settings for one transaction, as a single column. Sequential scans are off: a low
# estimate could make the planner read all papers. Filtered statements are planned anew each time: a generic
# plan would read all vectors.
SCAN_SETTINGS: Final = f"""ARRAY[
    set_config('enable_seqscan', 'off', true),
    set_config('hnsw.ef_search', :ef_search, true),
    set_config('hnsw.iterative_scan', 'relaxed_order', true),
    set_config('hnsw.max_scan_tuples', '{MAX_SCAN_TUPLES}', true),
    set_config('plan_cache_mode', :plan_cache_mode, true)]"""


async def apply_scan_settings(session: ReadSession, limit: int, *, filtered: bool) -> None:
    """Set PostgreSQL up for the rest of the transaction to find `limit` nearest papers."""
    await session.execute(select(text(SCAN_SETTINGS)), scan_settings_parameters(limit, filtered=filtered))


def scan_settings_parameters(limit: int, *, filtered: bool) -> dict[str, str]:
    """Parameters of `SCAN_SETTINGS`, to find `limit` papers among all or, if `filtered`, among some."""
    ef_search = min((limit + EXTRA_EF_SEARCH) * (2 if filtered else 1), MAX_EF_SEARCH)
    return {
        "ef_search": str(ef_search),
        "plan_cache_mode": "force_custom_plan" if filtered else "force_generic_plan",
    }


class Neighbor(NamedTuple):
    """A paper near a vector. `cosine` is between −1 and 1."""

    paper_id: str
    cosine: float


class VectorSpace(NamedTuple):
    """The space that one model's vectors are in."""

    model_id: int
    dimensions: int


class ModelVector(NamedTuple):
    """A vector together with the model that made it."""

    model_id: int
    vector: Vector

    @property
    def space(self) -> VectorSpace:
        return VectorSpace(self.model_id, len(self.vector))

    @property
    def parameters(self) -> dict[str, str]:
        """The parameter of a statement with `distance_to`. The text is as short as half precision allows,
        because it is most of what is sent."""
        return {"vector": "[" + ",".join([f"{number:.5f}" for number in self.vector.tolist()]) + "]"}


async def find_nearest(
    session: ReadSession,
    vector: Vector,
    *,
    limit: int,
    where: Sequence[ColumnElement[bool]] = (),
    model_id: int | None = None,
) -> Sequence[Neighbor]:
    """Find at most `limit` papers by their cosine to `vector`, nearest first, then by id.

    `where` are conditions on papers; if at least `limit` papers meet them, `limit` papers are found.
    `model_id` is the model that made the vector; None means the current one. Nothing is found under a model
    that does not exist or whose vectors have another length.
    """
    is_model = IS_CURRENT_MODEL if model_id is None else EmbeddingModel.id == model_id
    model = select(EmbeddingModel.id, text(SCAN_SETTINGS)).where(
        is_model, EmbeddingModel.dimensions == len(vector)
    )
    parameters = scan_settings_parameters(limit, filtered=bool(where))
    row = (await session.execute(model, parameters)).one_or_none()
    if row is None:
        return []
    return await find_neighbors(session, ModelVector(row.id, vector), limit=limit, where=where)


async def find_neighbors(
    session: ReadSession, vector: ModelVector, *, limit: int, where: Sequence[ColumnElement[bool]] = ()
) -> Sequence[Neighbor]:
    """Do the work of `find_nearest` in a transaction that already has the scan settings."""
    if not where:
        return await _search_index(session, vector, limit, where)
    neighbors = await _search_exactly(session, vector, limit, where, max_candidates=MAX_EXACT_CANDIDATES)
    if neighbors is not None:
        return neighbors
    neighbors = await _search_index(session, vector, limit, where)
    if len(neighbors) < limit:  # the papers that meet the conditions are far away
        return await _search_exactly(session, vector, limit, where, max_candidates=None) or []
    return neighbors


def distance_to(space: VectorSpace, *, indexed: bool = False) -> ColumnElement[float]:
    """The cosine distance of `Embedding.vector` to the parameter `vector`.

    `indexed` writes it as the index has it; otherwise no index can be used.
    """
    vector_type = HALFVEC(space.dimensions)
    # A subquery is evaluated once and not for each row.
    vector = select(cast(bindparam("vector", type_=Text), vector_type)).scalar_subquery()
    column = cast(Embedding.vector, vector_type) if indexed else Embedding.vector
    distance: ColumnElement[float] = column.cosine_distance(vector)
    return distance.label("distance")


def in_space(space: VectorSpace) -> list[ColumnElement[bool]]:
    """The condition of the model's partial index.

    The id is a literal, because a generic plan with a parameter can't use one model's index.
    """
    return [Embedding.model_id == literal_column(str(space.model_id)), Embedding.vector.is_not(None)]


@lru_cache(maxsize=8)
def select_by_index(space: VectorSpace, limit: int) -> Select[str, float]:
    """Select the nearest papers through the model's index where there is one."""
    distance = distance_to(space, indexed=True)
    limit_literal: ColumnElement[int] = literal_column(str(limit))  # with a parameter, the plan sorts all
    nearest = select(Embedding.paper_id, distance).where(*in_space(space))
    return nearest.order_by(distance).limit(limit_literal)


async def _search_index(
    session: ReadSession, vector: ModelVector, limit: int, where: Sequence[ColumnElement[bool]]
) -> Sequence[Neighbor]:
    query = select_by_index(vector.space, limit)
    if where:
        query = query.join(Paper, Paper.id == Embedding.paper_id).where(*where)
    return _sort_neighbors((await session.execute(query, vector.parameters)).all())


async def _search_exactly(
    session: ReadSession,
    vector: ModelVector,
    limit: int,
    where: Sequence[ColumnElement[bool]],
    *,
    max_candidates: int | None,
) -> Sequence[Neighbor] | None:
    """Compare every paper that meets the conditions. None if these are more than `max_candidates`."""
    row_limit = None if max_candidates is None else max_candidates + 1
    candidates = select(Paper.id).where(*where).limit(row_limit).cte("candidates")
    size = select(func.count().label("papers")).select_from(candidates).subquery("size")
    distance = distance_to(vector.space)
    is_small = [size.c.papers <= max_candidates] if max_candidates is not None else []
    nearest = (
        select(Embedding.paper_id, distance)
        .join(candidates, candidates.c.id == Embedding.paper_id)
        .where(*in_space(vector.space), *is_small)
        .order_by(distance)
        .limit(limit)
        .lateral("nearest")
    )
    query = select(size.c.papers, nearest.c.paper_id, nearest.c.distance)
    query = query.select_from(size.outerjoin(nearest, true()))
    rows = (await session.execute(query, vector.parameters)).all()
    if max_candidates is not None and rows[0].papers > max_candidates:
        return None
    return _sort_neighbors([row for row in rows if row.paper_id is not None])


def _sort_neighbors(rows: Sequence[Any]) -> Sequence[Neighbor]:
    """Sort the rows exactly: the index returns them in nearly the right order."""
    neighbors = [Neighbor(row.paper_id, 1 - row.distance) for row in rows]
    return sorted(neighbors, key=lambda neighbor: (-neighbor.cosine, neighbor.paper_id))
