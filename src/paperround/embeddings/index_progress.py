"""How much of the catalogue has vectors, counted now and then, which searches say while vectors are made."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sqlalchemy import func, select

from paperround.database import ReadSession
from paperround.embeddings.state import IS_CURRENT, REFUSALS, VECTORS
from paperround.papers.row_counts import counted

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
    tried = select(VECTORS + REFUSALS).where(IS_CURRENT).scalar_subquery()
    row = (await session.execute(select(func.coalesce(tried, 0), counted("papers")))).one()
    return IndexProgress(*row)
