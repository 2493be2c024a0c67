"""Papers like a paper, by the cosine of their vectors under the current model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import aliased, joinedload, selectinload

from paperround.database import ReadSession
from paperround.embeddings.tables import Embedding, EmbeddingModel, ModelState
from paperround.papers.tables import Paper


class Similar(NamedTuple):
    """`similarity` is the cosine, −1 to 1."""

    paper: Paper
    similarity: float


async def similar(session: ReadSession, paper_id: str, *, limit: int) -> Sequence[Similar]:
    """The nearest papers, nearest first; none while the paper itself has no vector."""
    mine, other = aliased(Embedding), aliased(Embedding)
    distance = other.vector.cosine_distance(mine.vector)
    query = (
        select(Paper, (1 - distance).label("similarity"))
        .join(other, other.paper_id == Paper.id)
        .join(mine, mine.model_id == other.model_id)
        .join(EmbeddingModel, EmbeddingModel.id == mine.model_id)
        .where(
            EmbeddingModel.state == ModelState.current,
            mine.paper_id == paper_id,
            mine.vector.is_not(None),
            other.paper_id != paper_id,
            other.vector.is_not(None),
        )
        .order_by(distance, Paper.id)
        .limit(limit)
    )
    rows = await session.execute(query.options(selectinload(Paper.authors), joinedload(Paper.organization)))
    return [Similar(paper, similarity) for paper, similarity in rows]
