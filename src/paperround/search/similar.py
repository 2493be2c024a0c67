"""Papers like a paper, by the cosine of their vectors under the current model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from sqlalchemy import select

from paperround.database import ReadSession
from paperround.embeddings.tables import Embedding, EmbeddingModel, ModelState
from paperround.papers import editions
from paperround.papers.tables import Paper
from paperround.search.vectors import nearest


class Similar(NamedTuple):
    """`similarity` is the cosine, −1 to 1."""

    paper: Paper
    similarity: float


async def similar(session: ReadSession, paper_id: str, *, limit: int) -> Sequence[Similar]:
    """The nearest papers, nearest first; none while the paper itself has no vector."""
    own = await session.execute(
        select(Embedding.vector, Embedding.model_id)
        .join(EmbeddingModel)
        .where(
            EmbeddingModel.state == ModelState.current,
            Embedding.paper_id == paper_id,
            Embedding.vector.is_not(None),
        )
    )
    row = own.one_or_none()
    if row is None:
        return []
    vector = np.array(row.vector, np.float32)
    # One more, since the paper is the nearest to itself.
    found = await nearest(session, vector, limit=limit + 1, model_id=row.model_id)
    cosines = dict([(key, cosine) for key, cosine in found if key != paper_id][:limit])
    by_id = await editions.papers_of(session, cosines)
    return [Similar(by_id[key], cosine) for key, cosine in cosines.items() if key in by_id]
