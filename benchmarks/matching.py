"""How fast a day's papers are matched with everybody's topics, in one worker, against a query a topic.

    python benchmarks/matching.py FOLDER [TOPICS]

FOLDER holds recorded papers as JSON lines (`large_catalogue.py` reads them). A fresh database gets a
catalogue of 5,000 with invented vectors, two days of 100 papers, and 2,000 different topics (words, examples,
one to eight ratings), which the product matches with the first day. They are then copied up to TOPICS,
100,000 unless told, directions too, and the second day is what is timed.
"""

from __future__ import annotations

import asyncio
import gc
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import psycopg
import structlog
from large_catalogue import keep, store

from paperround import schema
from paperround.conninfo import build_conninfo
from paperround.database import Database
from paperround.embeddings.client import Vectors
from paperround.postgres import EmbeddedPostgres
from paperround.resources import use_one_thread_for_products
from paperround.topics import corpus
from paperround.topics.edition_matches import match_edition
from paperround.topics.matcher import match_papers
from paperround.topics.queries import load_matches, load_topic_queries
from paperround.worker.jobs import GC_THRESHOLDS

CATALOGUE = 5000
A_DAY = 100
DIFFERENT = 2000
ASKED = 60  # topics that are asked for one by one
DIMENSIONS = 384
FIRST, SECOND = date(2026, 8, 3), date(2026, 8, 4)

TOPICS = """
    INSERT INTO readers (email, created_at, seen_at, visited_at)
    VALUES ('ada@example.org', now(), now(), now());
    INSERT INTO topics (reader_id, name, words, daily, created_at, changed_at)
    SELECT readers.id, 'topic ' || n, CASE WHEN n % 2 = 0 THEN
        (SELECT substr(title, 1, 40) FROM papers ORDER BY md5(id || n) LIMIT 1) ELSE '' END, 5, now(), now()
    FROM readers, generate_series(1, {different}) AS n;
    INSERT INTO topic_examples (topic_id, paper_id)
    SELECT topics.id, liked.id FROM topics, LATERAL (
        SELECT id FROM papers ORDER BY md5(id || topics.id) LIMIT 1) AS liked;
    INSERT INTO ratings (topic_id, paper_id, value, rated_at)
    SELECT topics.id, rated.id, CASE WHEN rated.place % 4 = 0 THEN -1 ELSE 1 END, now()
    FROM topics, LATERAL (
        SELECT id, row_number() OVER () AS place FROM (SELECT id FROM papers ORDER BY md5(topics.id || id)
        LIMIT 1 + topics.id % 8) AS drawn) AS rated
"""
COPIES = """
    CREATE TEMP TABLE copied AS
    SELECT id AS original, (SELECT max(id) FROM topics) + row_number() OVER () AS id
    FROM topics, generate_series(2, {copies});
    INSERT INTO topics (id, reader_id, name, words, daily, created_at, changed_at)
    SELECT copied.id, reader_id, name, words, daily, created_at, changed_at
    FROM copied JOIN topics ON topics.id = original;
    INSERT INTO topic_examples SELECT copied.id, paper_id FROM copied
    JOIN topic_examples ON topic_id = original;
    INSERT INTO ratings SELECT copied.id, paper_id, value, rated_at FROM copied
    JOIN ratings ON topic_id = original;
    INSERT INTO topic_directions
    SELECT copied.id, measured_id, changed_at, packed, text_hash, text_vector
    FROM copied JOIN topic_directions ON topic_id = original;
    INSERT INTO topic_fits SELECT copied.id, measured_id, changed_at, packed
    FROM copied JOIN topic_fits ON topic_id = original
"""
DAY = """
    INSERT INTO listings (day, feed, paper_id, first_seen_at)
    SELECT %s, 'huggingface', id, now() FROM papers ORDER BY md5(id || %s) LIMIT %s
"""


class InventedEncoder:
    name = "invented"

    async def encode(self, texts: Sequence[str]) -> Vectors:
        return directions(len(texts), seed=len(texts))


def directions(count: int, *, seed: int) -> Vectors:
    """Rows of length 1, around a hundred centres."""
    dice = np.random.default_rng(seed)
    rows = np.random.default_rng(1).normal(size=(100, DIMENSIONS))[dice.integers(100, size=count)]
    rows = rows + dice.normal(size=rows.shape)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def execute(url: str, *statements: str) -> None:
    with psycopg.connect(build_conninfo(url), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


async def fill(database: Database, folder: Path) -> None:
    await store(database, folder, CATALOGUE)
    keep(database.url, InventedEncoder.name, list(directions(CATALOGUE, seed=2)))
    with psycopg.connect(build_conninfo(database.url)) as connection:
        for day in (FIRST, SECOND):
            connection.execute(DAY, [day, str(day), A_DAY])
    await corpus.measure_if_grown(database, now=datetime.now(UTC))
    execute(database.url, TOPICS.format(different=DIFFERENT), "ANALYZE")


async def timed_edition(database: Database, day: date) -> tuple[int, float]:
    began = time.perf_counter()
    done = await match_edition(database, day, InventedEncoder())
    return done, time.perf_counter() - began


async def one_by_one(database: Database, day: date) -> float:
    """Seconds for a topic; the papers' texts have been read before."""
    async with database.read_session() as session:
        asked = await load_topic_queries(session, range(1, ASKED + 1))
    began = time.perf_counter()
    for wanted in asked.values():
        async with database.read_session() as session:
            await match_papers(session, wanted, text_vector=None, first=day, last=day, limit=50, daily=5)
    return (time.perf_counter() - began) / len(asked)


async def main(url: str, folder: Path, topics: int) -> None:
    gc.set_threshold(*GC_THRESHOLDS)
    use_one_thread_for_products()
    async with Database(url) as database:
        await fill(database, folder)
        done, seconds = await timed_edition(database, FIRST)
        print(f"{done:,} topics, directions made anew: {seconds:.1f} s, {1000 * seconds / done:.1f} ms each")
        execute(url, COPIES.format(copies=topics // DIFFERENT), "ANALYZE")
        done, seconds = await timed_edition(database, SECOND)
        each = await one_by_one(database, SECOND)
        async with database.read_session() as session:
            found = await load_matches(session, range(1, 2001), SECOND, SECOND)
        each_has = np.mean([len(days.get(SECOND, ())) for days in found.values()])
        print(
            f"{done:,} topics × {A_DAY} papers: {seconds:.1f} s in one worker, {each_has:.1f} matches a topic"
        )
        print(f"a query a topic: {1000 * each:.1f} ms, {each * done:,.0f} s for all of them")
        print(f"ratio: {each * done / seconds:.0f}")
        print(f"most memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)  # as root, PostgreSQL runs as another user
        with EmbeddedPostgres(Path(place) / "data").attached() as server:
            schema.upgrade(server.owner_url)
            count = int(sys.argv[2]) if len(sys.argv) > 2 else 100_000
            asyncio.run(main(server.owner_url, Path(sys.argv[1]), count))
