"""How fast the worker's batches are: papers stored and embedded, digests sent, editions matched.

python benchmarks/batches.py
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import psycopg
from figures import Figure, print_table
from invented import DIMENSIONS, directions, fill, invent
from matching import COPIES, DAY, FIRST, SECOND, TOPICS, timed_edition
from psycopg.rows import TupleRow
from serving import free_port, new_database, running

import digests
from paperround.conninfo import build_conninfo
from paperround.database import Database, utc_now
from paperround.embeddings import bundled_model
from paperround.embeddings.backfill import backfill_vectors, embedding_text
from paperround.embeddings.client import EncoderClient
from paperround.embeddings.encoder import FORWARD_BATCH_SIZE, supports_bfloat16
from paperround.papers import catalogue
from paperround.resources import usable_cores, use_one_thread_for_products
from paperround.settings import Settings
from paperround.topics import corpus
from paperround.worker.jobs import GC_THRESHOLDS

A_DAY: Final = 100  # papers that are matched
TOP: Final = 10
TABLES: Final = ("papers", "authors", "listings")


def copy_out(connection: psycopg.Connection[TupleRow], statement: str) -> bytes:
    with connection.cursor().copy(f"COPY ({statement}) TO STDOUT (FORMAT binary)") as copy:
        return b"".join(copy)


def copy_in(connection: psycopg.Connection[TupleRow], table: str, columns: str, rows: bytes) -> float:
    """Seconds for the same rows by COPY into a table that is like `table`, with its indexes."""
    connection.execute(f"CREATE TABLE copied_{table} (LIKE {table} INCLUDING ALL)")
    connection.commit()
    began = time.perf_counter()
    with connection.cursor().copy(f"COPY copied_{table} ({columns}) FROM STDIN (FORMAT binary)") as copy:
        copy.write(rows)
    connection.commit()
    return time.perf_counter() - began


def list_columns(connection: psycopg.Connection[TupleRow], table: str) -> str:
    """The columns of a table that aren't computed, with commas between them."""
    rows = connection.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = 'public' AND table_name = %s"
        " AND is_generated = 'NEVER' AND is_identity = 'NO'",
        [table],
    )
    return ", ".join(f'"{name}"' for (name,) in rows)


def measure_matching(*, fast: bool) -> Iterator[Figure]:
    """Yield how an edition is matched, against the product, the best and the COPY of the rows.

    Products of both take one thread, as in the worker.
    """
    use_one_thread_for_products()
    different, copies = (50, 2) if fast else (1000, 20)
    with new_database() as url:
        seconds, topics = asyncio.run(match(url, different, copies, 200 if fast else 5000))
        one, papers = directions(topics, seed=3), directions(A_DAY, seed=4)
        assert one.shape[1] == DIMENSIONS
        began = time.perf_counter()
        for start in range(0, topics, 1000):
            np.argpartition(one[start : start + 1000] @ papers.T, -TOP, axis=1)[:, -TOP:]
        bare = time.perf_counter() - began
        with psycopg.connect(build_conninfo(url)) as connection:
            columns = list_columns(connection, "topic_days")
            rows = copy_out(connection, f"SELECT {columns} FROM topic_days WHERE day = '{SECOND}'")
            bare += copy_in(connection, "topic_days", columns, rows)
    against = "numpy product, top 10, COPY"
    yield Figure(f"edition × {topics:,} topics", seconds, bare, "s", against, at_most=8)


async def match(url: str, different: int, copies: int, papers: int) -> tuple[float, int]:
    """Seconds in which an edition was matched with so many topics, whose directions are known."""
    gc.set_threshold(*GC_THRESHOLDS)
    async with Database(url) as database:
        await fill(database, papers, last=FIRST)
        with psycopg.connect(build_conninfo(url), autocommit=True) as connection:
            connection.execute(DAY, [SECOND, str(SECOND), A_DAY])
            await corpus.measure_if_grown(database, now=utc_now())
            for statement in TOPICS.format(different=different).split(";"):
                connection.execute(statement)
            await timed_edition(database, FIRST)  # makes the directions
            for statement in COPIES.format(copies=copies).split(";"):
                connection.execute(statement)
            connection.execute("ANALYZE")
        done, seconds = await timed_edition(database, SECOND)
    return seconds, done


def measure_storing(*, fast: bool) -> Iterator[Figure]:
    """Yield how fast lists are stored, against COPY of the same rows."""
    count = 50 if fast else 1000
    with new_database() as url:
        seconds = asyncio.run(store(url, count))
        bare = 0.0
        with psycopg.connect(build_conninfo(url)) as connection:
            for table in TABLES:
                columns = list_columns(connection, table)
                rows = copy_out(connection, f"SELECT {columns} FROM {table}")
                bare += copy_in(connection, table, columns, rows)
    yield Figure("papers stored", count / seconds, count / bare, "1/s", "COPY of the rows", at_least=0.2)


async def store(url: str, count: int) -> float:
    now = utc_now()
    days = invent(count, last=now.date())
    async with Database(url) as database:
        began = time.perf_counter()
        for day, papers in days.items():
            async with database.write_session() as session:
                await catalogue.store_papers(
                    session, papers, feed="huggingface", day=day, seen_at=now, half_life=digests.HALF_LIFE
                )
        return time.perf_counter() - began


def measure_digests(*, fast: bool) -> Iterator[Figure]:
    """Yield how fast digests are sent, against a bare loop that sends the same messages."""
    number = 40 if fast else 10_000
    with new_database() as url, digests.sink() as port:
        ours, bare, _ = asyncio.run(digests.measure(url, port, number))
    yield Figure("digests sent", ours, bare, "1/s", "bare aiosmtplib loop", at_least=0.8)


def measure_embedding(*, fast: bool) -> Iterator[Figure]:
    """Yield how fast papers are embedded from database to database, against the model alone."""
    count = 32 if fast else 512
    with new_database() as url:
        asyncio.run(store(url, count))
        address = f"http://127.0.0.1:{(port := free_port())}"
        listening = ("encoder", "--host", "127.0.0.1", "--port", str(port))
        key: dict[str, Any] = {"encoder_key": "a key of the benchmark"}
        with running(sys.executable, "-m", "paperround", *listening, health=f"{address}/health", **key):
            seconds = asyncio.run(embed(url, Settings(_env_file=None, encoder_url=address, **key)))
        with psycopg.connect(build_conninfo(url)) as connection:
            rows = connection.execute("SELECT title, abstract FROM papers ORDER BY length(abstract)")
            bare = encode_alone([embedding_text(title, abstract) for title, abstract in rows])
    against = "SentenceTransformer.encode"
    yield Figure("papers embedded", count / seconds, count / bare, "1/s", against, at_least=0.95)


async def embed(url: str, settings: Settings) -> float:
    async with Database(url) as database, EncoderClient(settings) as encoder:
        await encoder.describe_model()
        began = time.perf_counter()
        await backfill_vectors(database, encoder)
        return time.perf_counter() - began


def encode_alone(texts: Sequence[str]) -> float:
    """Seconds of the model on the same texts, with as many threads as the encoder has."""
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(usable_cores())
    model = SentenceTransformer(str(bundled_model.find_folder()))
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=supports_bfloat16()):
        model.encode(["warm-up"])
        began = time.perf_counter()
        model.encode(list(texts), batch_size=FORWARD_BATCH_SIZE, show_progress_bar=False)
    return time.perf_counter() - began


def measure(*, fast: bool) -> Iterator[Figure]:
    """Yield the figures of all batches."""
    yield from measure_embedding(fast=fast)
    yield from measure_storing(fast=fast)
    yield from measure_digests(fast=fast)
    yield from measure_matching(fast=fast)


if __name__ == "__main__":
    print_table(measure(fast=False), are_judged=True)
