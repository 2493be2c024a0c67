"""How much of the catalogue has vectors, counted now and then, which searches say while vectors are made."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sqlalchemy import func, select

from paperround.database import ReadSession
from paperround.embeddings.tables import Embedding, EmbeddingModel, ModelState
from paperround.papers.tables import Paper

COUNT_INTERVAL: Final = timedelta(seconds=15)  # a count takes a tenth of a second where papers are a million
MIN_WAITING_SHARE: Final = 0.01  # fewer papers are those that have just come


class IndexProgress(NamedTuple):
    """How many papers have been embedded under the current model, and how many there are."""

    done: int
    papers: int

    @property
    def is_under_way(self) -> bool:
        return 0 < self.done < (1 - MIN_WAITING_SHARE) * self.papers


class IndexCounter:
    """Counts at most every `COUNT_INTERVAL`, for one process."""

    def __init__(self) -> None:
        self._counted: tuple[datetime, IndexProgress] | None = None

    async def count(self, session: ReadSession, *, now: datetime) -> IndexProgress:
        if self._counted is None or now - self._counted[0] >= COUNT_INTERVAL:
            self._counted = (now, await _count(session))
        return self._counted[1]


async def _count(session: ReadSession) -> IndexProgress:
    current = select(EmbeddingModel.id).where(EmbeddingModel.state == ModelState.current)
    embedded = select(func.count()).where(Embedding.model_id == current.scalar_subquery())
    papers = select(func.count()).select_from(Paper)
    row = (await session.execute(select(embedded.scalar_subquery(), papers.scalar_subquery()))).one()
    return IndexProgress(*row)
