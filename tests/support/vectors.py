"""Invented papers with vectors that the test chooses, without an encoder."""

from __future__ import annotations

import numpy as np
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from paperround.database import Database
from paperround.embeddings import models
from paperround.embeddings.client import ModelInfo
from paperround.embeddings.tables import Embedding
from paperround.papers.tables import Paper

from support.factories import feed_record, store_listing, utc

NOW = utc("2026-03-02 13:00")


def paper_id(number: int) -> str:
    return f"2603.{number:05}"


def random_directions(count: int, dimensions: int, seed: int = 1) -> np.ndarray:
    """Random rows of length 1, shape (count, dimensions)."""
    rows = np.random.default_rng(seed).normal(size=(count, dimensions))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


async def add_papers_with_vectors(
    database: Database,
    count: int,
    *,
    model: str = "all-MiniLM-L6-v2",
    dimensions: int = 3,
    rows: np.ndarray | None = None,
) -> int:
    """Store papers 1 to `count` with `rows` as their vectors under a model. Returns the model's id."""
    async with database.read_session() as session:
        known_ids = set(await session.scalars(select(Paper.id)))
    new_numbers = [n for n in range(1, count + 1) if paper_id(n) not in known_ids]
    await store_listing(
        database, "2026-03-02", *(feed_record(paper_id(n), paper__upvotes=n % 50) for n in new_numbers)
    )
    model_id = await models.register(database, ModelInfo(model, dimensions), now=NOW)
    rows = random_directions(count, dimensions) if rows is None else rows
    async with database.write_session() as session:
        hashes = dict((await session.execute(select(Paper.id, Paper.text_hash))).all())
        values = [
            {
                "model_id": model_id,
                "paper_id": paper_id(n),
                "text_hash": hashes[paper_id(n)],
                "vector": row,
                "embedded_at": NOW,
                "failures": 0,
            }
            for n, row in enumerate(rows, 1)
        ]
        await session.execute(insert(Embedding).on_conflict_do_nothing(), values)
    return model_id
