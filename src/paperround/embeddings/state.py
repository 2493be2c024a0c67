"""How many papers have a vector of what they say now, without reading all papers or vectors.

Rows are counted as they are written (`papers/row_counts.py`). That can't tell whose vector is of an earlier
text. These are looked for among the papers whose text has changed lately: a trigger notes every change in its
own transaction, whether there is a vector yet or not. So a vector of the text before, written at the same
time or later by somebody who had read it, is found too.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Text, cast, delete, func, or_, select, true
from sqlalchemy.orm import aliased

from paperround.database import Database, ReadSession
from paperround.embeddings.tables import HAS_VECTOR, ChangedText, Embedding, EmbeddingModel, ModelState
from paperround.papers.row_counts import counted
from paperround.papers.tables import TEXT_HASH, Paper

# Far longer than a batch of papers can be with the encoder before its vectors are written.
MIN_AGE_OF_CHANGES: Final = timedelta(days=1)

VECTORS: Final = counted("embeddings", cast(EmbeddingModel.id, Text).concat(" vector"))
REFUSALS: Final = counted("embeddings", cast(EmbeddingModel.id, Text).concat(" refusal"))
IS_CURRENT: Final = EmbeddingModel.state == ModelState.current
IS_STALE: Final = (Paper.id == Embedding.paper_id) & (Embedding.text_hash != TEXT_HASH)
STALE: Final = (
    select(func.count().filter(HAS_VECTOR).label("vectors"), func.count().label("tried"))
    .select_from(Embedding)
    .join(Paper, IS_STALE)
    .where(Embedding.model_id == EmbeddingModel.id, Paper.id.in_(select(ChangedText.paper_id)))
    .lateral("stale")
)
# One statement, so that all numbers are of one moment.
COUNTS: Final = (
    select(
        EmbeddingModel.name,
        counted("papers").label("papers"),
        (VECTORS - STALE.c.vectors).label("done"),
        (VECTORS + REFUSALS - STALE.c.tried).label("tried"),
    )
    .join(STALE, true())
    .where(IS_CURRENT)
)


@dataclass(frozen=True)
class EmbeddingState:
    """Counts of papers by the state of their vector. `model` is the current one, or None if there is none."""

    model: str | None
    done: int
    waiting: int
    refused: int


async def load_embedding_state(session: ReadSession) -> EmbeddingState:
    """Count the papers that are embedded, waiting and refused under the current model."""
    row = (await session.execute(COUNTS)).one_or_none()
    if row is None:
        papers = (await session.execute(select(counted("papers")))).scalar_one()
        return EmbeddingState(model=None, done=0, waiting=papers, refused=0)
    return EmbeddingState(row.name, row.done, waiting=row.papers - row.tried, refused=row.tried - row.done)


async def forget_changed_texts(database: Database, *, now: datetime) -> None:
    """Forget changes after which all vectors of the paper were made anew, and all but the last of a paper."""
    newer = aliased(ChangedText)
    stale = select(Embedding.paper_id).join(Paper, IS_STALE).where(Embedding.paper_id == ChangedText.paper_id)
    has_newer = select(newer.id).where(newer.paper_id == ChangedText.paper_id, newer.id > ChangedText.id)
    is_done = or_(~stale.exists(), has_newer.exists())
    async with database.write_session() as session:
        await session.execute(
            delete(ChangedText).where(ChangedText.changed_at < now - MIN_AGE_OF_CHANGES, is_done)
        )
