"""Finds papers similar to a paper, by the cosine of their vectors under the current model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import select

from paperround.arrays import np
from paperround.database import ReadSession
from paperround.embeddings.tables import Embedding, EmbeddingModel, ModelState
from paperround.papers import editions
from paperround.papers.rows import PaperRow
from paperround.search.vectors import find_nearest


class NearestPaper(NamedTuple):
    """A similar paper. `similarity` is the cosine, −1 to 1."""

    paper: PaperRow
    similarity: float


async def find_similar_papers(session: ReadSession, paper_id: str, *, limit: int) -> Sequence[NearestPaper]:
    """Find the nearest papers, nearest first. There are none while the paper itself has no vector."""
    result = await session.execute(
        select(Embedding.vector, Embedding.model_id)
        .join(EmbeddingModel)
        .where(
            EmbeddingModel.state == ModelState.current,
            Embedding.paper_id == paper_id,
            Embedding.vector.is_not(None),
        )
    )
    row = result.one_or_none()
    if row is None:
        return []
    vector = np.array(row.vector, np.float32)
    # One more, because the paper is nearest to itself.
    neighbors = await find_nearest(session, vector, limit=limit + 1, model_id=row.model_id)
    cosines = dict([(near.paper_id, near.cosine) for near in neighbors if near.paper_id != paper_id][:limit])
    by_id = await editions.load_papers(session, cosines)
    return [NearestPaper(by_id[key], cosine) for key, cosine in cosines.items() if key in by_id]
