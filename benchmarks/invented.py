"""A catalogue of invented papers of any size, in seconds: a thousand are stored, the others are copies."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import numpy as np
import psycopg
from large_catalogue import keep

from paperround.conninfo import build_conninfo
from paperround.database import Database
from paperround.embeddings.client import Vectors
from paperround.papers import catalogue
from paperround.papers.record import FeedAuthor, FeedPaper
from paperround.search import word_counts

STORED: Final = 1000
A_DAY: Final = 25  # papers on the list of a day
DIMENSIONS: Final = 384
MODEL: Final = "invented"
HALF_LIFE: Final = timedelta(hours=24)
SYLLABLES: Final = ("gra", "di", "ent", "ri", "ver", "la", "tent", "flo", "mo", "del", "scal", "quo", "ia")

# Columns that PostgreSQL computes are left out. Copies lie on days of their own, before the others' days.
COPY_PAPERS: Final = """
    INSERT INTO papers ({columns}) SELECT {values} FROM papers, generate_series(1, {copies}) AS n
"""
COPY_LISTINGS: Final = """
    INSERT INTO listings (day, feed, paper_id, first_seen_at)
    SELECT listed_on, 'huggingface', id, now() FROM papers WHERE id LIKE '9%'
"""
COPY_AUTHORS: Final = """
    INSERT INTO authors (paper_id, position, name, hidden)
    SELECT copy.id, position, name, hidden
    FROM papers copy JOIN authors ON authors.paper_id = '2603.' || right(copy.id, 5) WHERE copy.id LIKE '9%'
"""


def invent(count: int = STORED, *, last: date) -> dict[date, list[FeedPaper]]:
    """Invent papers of `A_DAY` a day, up to the day `last`."""
    dice = random.Random(7)
    words = ["".join(dice.choices(SYLLABLES, k=dice.randint(2, 4))) for _ in range(3000)]
    weights = [1 / (n + 10) for n in range(len(words))]
    papers: dict[date, list[FeedPaper]] = {}
    for n in range(count):
        day = last - timedelta(days=n // A_DAY)
        text = " ".join(dice.choices(words, weights, k=160))
        papers.setdefault(day, []).append(
            FeedPaper(
                id=f"2603.{n:05}",
                title=" ".join(dice.choices(words, weights, k=9)).capitalize(),
                abstract=f"{text.capitalize()}. With $p < 0.05$.",
                authors=tuple(FeedAuthor(name=f"Ada {dice.choice(words).title()}") for _ in range(5)),
                published_at=datetime.combine(day, datetime.min.time(), UTC),
                upvotes=dice.randrange(80),
            )
        )
    return papers


async def fill(database: Database, count: int, *, last: date | None = None) -> None:
    """Fill an empty database with `count` papers with vectors: less than a thousand, or so many thousands."""
    stored = min(count, STORED)
    for day, papers in sorted(invent(stored, last=last or datetime.now(UTC).date()).items()):
        async with database.write_session() as session:
            await catalogue.store_papers(
                session, papers, feed="huggingface", day=day, seen_at=datetime.now(UTC), half_life=HALF_LIFE
            )
    if count > stored:
        copy(database.url, count // stored - 1)
    await word_counts.refresh_word_counts(database)
    keep(database.url, MODEL, list(directions(count)))


def copy(url: str, copies: int) -> None:
    """Add so many copies of each paper, its authors and its place on a list."""
    with psycopg.connect(build_conninfo(url)) as connection:
        columns = connection.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = 'public'"
            " AND table_name = 'papers' AND is_generated = 'NEVER'"
        ).fetchall()
        names = [str(name) for (name,) in columns]
        replaced = {
            "id": "(9000 + n) || '.' || right(id, 5)",
            "listed_on": f"listed_on - n * {STORED // A_DAY}",
            "published_at": f"published_at - n * interval '{STORED // A_DAY} days'",
            "heat": f"heat - n * {STORED // A_DAY}",
        }
        values = ", ".join(replaced.get(name, name) for name in names)
        connection.execute(COPY_PAPERS.format(columns=", ".join(names), values=values, copies=copies))
        connection.execute(COPY_LISTINGS)
        connection.execute(COPY_AUTHORS)


def directions(count: int, *, seed: int = 1) -> Vectors:
    """Rows of length 1, around a hundred centres."""
    dice = np.random.default_rng(seed)
    centres = np.random.default_rng(1).normal(size=(100, DIMENSIONS))
    rows: np.ndarray[Any, Any] = centres[dice.integers(100, size=count)] + dice.normal(
        size=(count, DIMENSIONS)
    )
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)
