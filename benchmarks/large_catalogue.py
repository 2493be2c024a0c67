"""A catalogue of any size from recorded papers, with vectors that cost seconds instead of an hour."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import psycopg

from paperround.conninfo import build_conninfo
from paperround.database import Database
from paperround.embeddings.client import EncoderClient, Vectors
from paperround.papers import catalogue
from paperround.papers.record import FeedAuthor, FeedOrganization, FeedPaper
from paperround.search import word_counts
from paperround.text.plain import to_plain_paragraphs, to_plain_text

Record = Mapping[str, Any]
SEEDS = 3000  # abstracts that are really embedded
NOISE = 0.45  # length of the noise beside a mixture of length 1
HALF_LIFE = timedelta(hours=24)


def recorded(folder: Path) -> Iterator[Record]:
    for path in sorted(folder.glob("*.jsonl*")):
        opened = gzip.open if path.suffix == ".gz" else open
        with opened(path, "rt", encoding="utf-8") as file:
            yield from map(json.loads, file)


def papers(folder: Path, count: int) -> Iterator[tuple[date, FeedPaper]]:
    """The recorded papers, then changed copies of them on other days, `count` in all."""
    dice = random.Random(11)
    known = [record for record in recorded(folder) if record["days"] and record["summary"]]
    days = sorted({record["days"][0] for record in known})
    for n, record in enumerate(islice(known, count)):
        yield date.fromisoformat(record["days"][0]), as_read(record, record["id"], dice, n)
    for n in range(len(known), count):
        record = known[n % len(known)]
        other = dice.choice(known)
        changed = {**record, "summary": mixed(record["summary"], other["summary"], dice)}
        day = date.fromisoformat(dice.choice(days))
        yield day, as_read(changed, f"{90 + n // 100_000}01.{n % 100_000:05}", dice, n)


def mixed(one: str, other: str, dice: random.Random) -> str:
    sentences = one.split(". ") + other.split(". ")[:3]
    dice.shuffle(sentences)
    return ". ".join(sentences)


def as_read(record: Record, paper_id: str, dice: random.Random, n: int) -> FeedPaper:
    """With votes, code and organizations spread about as the hub has them; every hundredth is one lab's."""
    return FeedPaper(
        id=paper_id,
        title=to_plain_text(record["title"]),
        abstract=to_plain_paragraphs(record["summary"]),
        authors=tuple(FeedAuthor(name=name) for name in record["authors"][:100]),
        categories=tuple(record["categories"]),
        published_at=datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=7 * n),
        upvotes=int(dice.paretovariate(0.8)) % 500,
        github_url="https://github.com/someone/code" if dice.random() < 0.2 else None,
        organization=FeedOrganization(name="lab", full_name="The Lab") if n % 100 == 0 else None,
    )


async def store(database: Database, folder: Path, count: int) -> None:
    by_day: dict[date, list[FeedPaper]] = {}
    for day, paper in papers(folder, count):
        by_day.setdefault(day, []).append(paper)
    now = datetime.now(UTC)
    for day, listed in sorted(by_day.items()):
        async with database.write_session() as session:
            await catalogue.store_papers(
                session, listed, feed="huggingface", day=day, seen_at=now, half_life=HALF_LIFE
            )
    await word_counts.refresh_word_counts(database)


async def seeds(database: Database, encoder: EncoderClient) -> Vectors:
    """Real vectors of some papers, spread over the catalogue."""
    with psycopg.connect(build_conninfo(database.url)) as connection:
        rows = connection.execute(
            "SELECT title || '. ' || abstract FROM papers ORDER BY md5(id) LIMIT %s", [SEEDS]
        ).fetchall()
    return await encoder.encode([text for (text,) in rows])


def spread(real: Vectors, count: int) -> Vectors:
    """`count` vectors of length 1: the real ones, then mixtures of two of them with noise."""
    dice = np.random.default_rng(11)
    rest = max(count - len(real), 0)
    one, other = real[dice.integers(len(real), size=(2, rest))]
    share = dice.uniform(0.5, 0.95, size=(rest, 1)).astype(np.float32)
    rows = share * one + (1 - share) * other
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    rows += dice.normal(0, NOISE / np.sqrt(real.shape[1]), rows.shape).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return np.concatenate([real, rows])[:count]


def keep(url: str, model: str, vectors: Sequence[np.ndarray[Any, Any]] | Vectors) -> None:
    """Give every paper a vector, in an order of no meaning, under a model that is then the current one."""
    with psycopg.connect(build_conninfo(url)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO embedding_models (name, dimensions, state, created_at)"
            " VALUES (%s, %s, 'current', now())",
            [model, len(vectors[0])],
        )
        cursor.execute("CREATE TEMP TABLE given (place int, vector halfvec)")
        with cursor.copy("COPY given FROM STDIN") as copy:
            for place, row in enumerate(vectors, 1):
                copy.write_row([place, "[" + ",".join(f"{x:.5f}" for x in row) + "]"])
        cursor.execute("""
            INSERT INTO embeddings (model_id, paper_id, text_hash, vector, embedded_at, failures)
            SELECT (SELECT max(id) FROM embedding_models), paper.id,
              CASE WHEN read_hash = text_hash THEN coalesce(read_text_hash, text_hash) ELSE text_hash END,
              vector, now(), 0
            FROM (SELECT *, row_number() OVER (ORDER BY md5(id)) AS place FROM papers) AS paper
            JOIN given USING (place)
        """)
    with psycopg.connect(build_conninfo(url), autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
