"""Invented papers of three subjects, on days' lists, with and without vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from paperround.database import Database
from paperround.embeddings import models
from paperround.embeddings.client import ModelInfo
from paperround.embeddings.tables import Embedding
from paperround.papers.tables import Paper

from support.factories import at, item, listed

MODEL = "all-MiniLM-L6-v2"
SUBJECTS: Mapping[str, Sequence[str]] = {
    "rivers": ("sediment transport", "river deltas", "flood plains", "water levels", "bank erosion"),
    "bees": ("honey bees", "waggle dances", "pollen foraging", "hive temperature", "queen rearing"),
    "clocks": ("pendulum clocks", "escapement wear", "leap seconds", "time keeping", "quartz drift"),
}


def paper(number: int, subject: str, *authors: str, **changes: object) -> dict[str, object]:
    """`number` tells the id and which of the subject's phrases it has."""
    phrases = SUBJECTS[subject]
    said = [phrases[(number + step) % len(phrases)] for step in range(3)]
    title = f"On {said[0]}, part {number}"
    abstract = f"We look at {said[1]} together with {said[2]}. The {said[0]} were measured for years."
    named = [{"_id": f"a{n}", "name": name, "hidden": False} for n, name in enumerate(authors)]
    given = {
        "title": title, "paper__title": title, "summary": abstract, "paper__summary": abstract,
        "paper__authors": named,
    }  # fmt: skip
    return item(paper_id(number), **{**given, **changes})


def paper_id(number: int) -> str:
    return f"2603.{number:05}"


async def three_subjects(database: Database, *, day: str = "2026-03-02", count: int = 60) -> None:
    """Papers 1 to `count` on one day's list, subjects in turn: n % 3 is 0 rivers, 1 bees, 2 clocks."""
    subjects = list(SUBJECTS)
    await listed(database, day, *(paper(n, subjects[n % 3]) for n in range(1, count + 1)))


async def embedded(database: Database, *, dimensions: int = 12) -> int:
    """Every paper gets a vector near its subject's; the model's id."""
    model_id = await models.register(database, ModelInfo(MODEL, dimensions), now=at("2026-03-02 13:00"))
    async with database.writing() as session:
        rows = (await session.execute(select(Paper.id, Paper.title, Paper.text_hash))).all()
        values = [
            {
                "model_id": model_id, "paper_id": row.id, "text_hash": row.text_hash,
                "vector": vector_of(row.title, dimensions, seed=int(row.id[-5:])),
                "embedded_at": at("2026-03-02 13:00"), "failures": 0,
            }
            for row in rows
        ]  # fmt: skip
        await session.execute(insert(Embedding).on_conflict_do_nothing(), values)
    return model_id


def vector_of(text: str, dimensions: int = 12, *, seed: int = 0) -> np.ndarray:
    """Length 1; texts of one subject lie near each other."""
    place = next(
        (n for n, phrases in enumerate(SUBJECTS.values()) if any(phrase in text for phrase in phrases)), 3
    )
    vector = np.random.default_rng(seed).normal(scale=0.1, size=dimensions) + 0.5
    vector[place] += 1.5
    return (vector / np.linalg.norm(vector)).astype(np.float32)
