"""Invented papers on three subjects, with or without vectors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import numpy as np
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from paperround.database import Database
from paperround.embeddings import models
from paperround.embeddings.client import ModelInfo
from paperround.embeddings.tables import Embedding
from paperround.papers.tables import Paper
from paperround.topics import corpus

from support.factories import feed_record, store_listing, utc

MODEL = "all-MiniLM-L6-v2"
SUBJECTS: Mapping[str, Sequence[str]] = {
    "rivers": ("sediment transport", "river deltas", "flood plains", "water levels", "bank erosion"),
    "bees": ("honey bees", "waggle dances", "pollen foraging", "hive temperature", "queen rearing"),
    "clocks": ("pendulum clocks", "escapement wear", "leap seconds", "time keeping", "quartz drift"),
}


def subject_record(number: int, subject: str, *authors: str, **changes: object) -> dict[str, object]:
    """A feed record. `number` decides its id and which of the subject's phrases it has."""
    phrases = SUBJECTS[subject]
    used = [phrases[(number + step) % len(phrases)] for step in range(3)]
    title = f"On {used[0]}, part {number}"
    abstract = f"We look at {used[1]} together with {used[2]}. The {used[0]} were measured for years."
    author_records = [{"_id": f"a{n}", "name": name, "hidden": False} for n, name in enumerate(authors)]
    fields = {
        "title": title, "paper__title": title, "summary": abstract, "paper__summary": abstract,
        "paper__authors": author_records,
    }  # fmt: skip
    return feed_record(paper_id(number), **{**fields, **changes})


def paper_id(number: int) -> str:
    return f"2603.{number:05}"


async def add_three_subjects(database: Database, *, day: str = "2026-03-02", count: int = 60) -> None:
    """Store papers 1 to `count` as one day's list. By n % 3, paper n is about rivers, bees or clocks."""
    subjects = list(SUBJECTS)
    await store_listing(database, day, *(subject_record(n, subjects[n % 3]) for n in range(1, count + 1)))


async def add_measured_subjects(
    database: Database, *, now: datetime, day: str = "2026-03-02", count: int = 60
) -> None:
    """Do as `add_three_subjects` does, and measure the catalogue, so that topics can be matched."""
    await add_three_subjects(database, day=day, count=count)
    await corpus.measure_if_grown(database, now=now)


async def add_vectors(
    database: Database,
    *,
    dimensions: int = 12,
    model: str = MODEL,
    change: Callable[[np.ndarray], np.ndarray] = np.asarray,
) -> int:
    """Give every paper a vector near its subject's, as `change` makes it. Returns the model's id."""
    made = len(change(subject_vector("", dimensions)))
    model_id = await models.register(database, ModelInfo(model, made), now=utc("2026-03-02 13:00"))
    async with database.write_session() as session:
        rows = (await session.execute(select(Paper.id, Paper.title, Paper.text_hash))).all()
        values = [
            {
                "model_id": model_id, "paper_id": row.id, "text_hash": row.text_hash,
                "vector": change(subject_vector(row.title, dimensions, seed=int(row.id[-5:]))),
                "embedded_at": utc("2026-03-02 13:00"), "failures": 0,
            }
            for row in rows
        ]  # fmt: skip
        await session.execute(insert(Embedding).on_conflict_do_nothing(), values)
    return model_id


def subject_vector(text: str, dimensions: int = 12, *, seed: int = 0) -> np.ndarray:
    """A vector of length 1. Texts on the same subject lie near each other."""
    subject_index = next(
        (n for n, phrases in enumerate(SUBJECTS.values()) if any(phrase in text for phrase in phrases)), 3
    )
    vector = np.random.default_rng(seed).normal(scale=0.1, size=dimensions) + 0.5
    vector[subject_index] += 1.5
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def narrow(vector: np.ndarray) -> np.ndarray:
    """Make a vector of a model that finds any two texts near: cosines are .6 + .4 of those before."""
    return np.append(np.sqrt(0.4) * vector, np.sqrt(0.6)).astype(np.float32)
