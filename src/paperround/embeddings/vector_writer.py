"""Writes the vectors of papers, and which papers the encoder refuses."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import Insert, Row
from sqlalchemy.dialects.postgresql import insert

from paperround.arrays import np
from paperround.bulk_rows import find_table, insert_given, write_rows
from paperround.database import WriteSession
from paperround.embeddings.client import Vectors
from paperround.embeddings.tables import Embedding

logger = structlog.get_logger(__name__)

MIN_RETRY_INTERVAL: Final = timedelta(minutes=10)
MAX_RETRY_INTERVAL: Final = timedelta(days=1)

PaperText = Row[str, str, str, str]  # id, title, abstract, hash of both


def _upsert_vectors() -> Insert:
    """Build the upsert of the vectors of a batch. What an earlier refusal noted goes."""
    new = insert_given(find_table(Embedding), VECTOR_COLUMNS)
    values = {
        name: getattr(new.excluded, name) for name in ("text_hash", "vector", "embedded_at", "failures")
    }
    return new.on_conflict_do_update(
        index_elements=["model_id", "paper_id"], set_=values | {"error": None, "next_try_at": None}
    )


VECTOR_COLUMNS: Final = ("model_id", "paper_id", "text_hash", "vector", "embedded_at", "failures")
UPSERT_VECTORS: Final = _upsert_vectors()


async def store_vectors(
    session: WriteSession, model_id: int, papers: Sequence[PaperText], vectors: Vectors, now: datetime
) -> None:
    """Store the vectors of papers, shape (papers, dimensions), in one statement."""
    halves = vectors.astype(np.float16).tolist()  # what the column keeps, and so fewer digits to write
    rows = [
        {
            "model_id": model_id,
            "paper_id": paper.id,
            "text_hash": paper.text_hash,
            "vector": vector,
            "embedded_at": now,
            "failures": 0,
        }
        for paper, vector in zip(papers, halves, strict=True)
    ]
    await write_rows(session, UPSERT_VECTORS, rows)


async def record_refusal(
    session: WriteSession, model_id: int, paper: PaperText, error: str, now: datetime
) -> None:
    """Note that the encoder refuses a paper, and when it is asked again: later with each refusal."""
    logger.warning("the encoder refused a paper", paper=paper.id, error=error)
    before = await session.get(Embedding, (model_id, paper.id))
    failures = before.failures + 1 if before and before.text_hash == paper.text_hash else 1
    row = {
        "text_hash": paper.text_hash,
        "vector": None,
        "embedded_at": now,
        "failures": failures,
        "error": error[:500].replace("\0", ""),
        "next_try_at": now + min(MIN_RETRY_INTERVAL * 2 ** min(failures - 1, 10), MAX_RETRY_INTERVAL),
    }
    new = insert(Embedding).values(model_id=model_id, paper_id=paper.id, **row)
    await session.execute(new.on_conflict_do_update(index_elements=["model_id", "paper_id"], set_=row))
