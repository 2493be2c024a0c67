"""Builds and drops the index of one model's vectors while everything runs.

None below `MIN_INDEXED_VECTORS` vectors.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, LiteralString

import psycopg
import structlog
from psycopg import sql

from paperround.conninfo import build_conninfo
from paperround.database import Database

logger = structlog.get_logger(__name__)

MIN_INDEXED_VECTORS: Final = (
    5000  # vectors; fewer are compared one by one about as fast (docs/performance.md)
)
INDEX_LOCK: Final = (
    0x686E7377  # the advisory lock of who makes or drops an index, with the model's id: "hnsw"
)
BUILD_MEMORY: Final = "512MB"  # for the making; an index that doesn't fit is made some ten times slower
# Of a vector in the index (pgvector's m). With 16 each making came out otherwise, and some found .93 of 50.
HNSW_M: Final = 24
POLL_INTERVAL: Final = 0.5  # seconds between two looks at an index that another one makes

Connection = psycopg.AsyncConnection[tuple[object, ...]]

STATE: Final[LiteralString] = """
    SELECT (SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%(index)s)),
           (SELECT count(*) >= %(worth_it)s FROM (
                SELECT FROM embeddings WHERE model_id = %(model)s AND vector IS NOT NULL LIMIT %(worth_it)s
            ) AS enough)
"""
# Partial and on an expression: the column holds vectors of any length, an index of one length only.
CREATE: Final[LiteralString] = """
    CREATE INDEX CONCURRENTLY {index} ON embeddings
    USING hnsw ((vector::halfvec({dimensions})) halfvec_cosine_ops) WITH (m = {links})
    WHERE model_id = {model} AND vector IS NOT NULL
"""


def build_index_name(model_id: int) -> str:
    """The prefix is one that `alembic check` passes over."""
    return f"embeddings_model_{model_id}_idx"


async def ensure(database: Database, model_id: int, *, wait: bool = False) -> bool:
    """Build the model's index if it needs one and lacks it. False if another process is building it.

    `wait` waits until that process is done. An index whose build was interrupted is dropped and built again.
    """
    while True:
        async with _connect(database) as connection:
            if await _is_complete(connection, model_id):
                return True
            if await _try_lock(connection, model_id):
                await _make(connection, model_id)
                return True
        if not wait:
            return False
        await asyncio.sleep(POLL_INTERVAL)


async def drop(database: Database, model_id: int) -> None:
    """Drop the model's index, after waiting for a build in progress."""
    async with _connect(database) as connection:
        while not await _try_lock(connection, model_id):  # noqa: ASYNC110 (another process's event)
            await asyncio.sleep(POLL_INTERVAL)
        await _drop(connection, model_id)


@asynccontextmanager
async def _connect(database: Database) -> AsyncIterator[Connection]:
    """A separate connection of the owner's outside any transaction. Locks and settings end with it."""
    async with await psycopg.AsyncConnection.connect(
        build_conninfo(database.owner_url), autocommit=True
    ) as connection:
        yield connection


async def _try_lock(connection: Connection, model_id: int) -> bool:
    """Try the lock without waiting: CREATE INDEX CONCURRENTLY would wait for a waiting transaction."""
    answer = await connection.execute("SELECT pg_try_advisory_lock(%s, %s)", [INDEX_LOCK, model_id])
    row = await answer.fetchone()
    return bool(row and row[0])


async def _state(connection: Connection, model_id: int) -> tuple[bool | None, bool]:
    """Tell whether the index is valid, None without one; whether the model has enough vectors for one."""
    parameters = {"index": build_index_name(model_id), "worth_it": MIN_INDEXED_VECTORS, "model": model_id}
    row = await (await connection.execute(STATE, parameters)).fetchone()
    return (None, False) if row is None else (row[0], bool(row[1]))  # type: ignore[return-value]


async def _is_complete(connection: Connection, model_id: int) -> bool:
    valid, worth_it = await _state(connection, model_id)
    return bool(valid) or not worth_it


async def _make(connection: Connection, model_id: int) -> None:
    valid, _ = await _state(connection, model_id)
    if valid:  # another process was done between our look and our lock
        return
    if valid is False:
        await _drop(connection, model_id)
    row = await (
        await connection.execute("SELECT dimensions FROM embedding_models WHERE id = %s", [model_id])
    ).fetchone()
    if row is None:  # dropped meanwhile
        return
    logger.info("making the index of a model's vectors", index=build_index_name(model_id))
    await connection.execute(sql.SQL("SET maintenance_work_mem = {}").format(sql.Literal(BUILD_MEMORY)))
    statement = sql.SQL(CREATE).format(
        index=sql.Identifier(build_index_name(model_id)),
        dimensions=sql.Literal(row[0]),
        links=sql.Literal(HNSW_M),
        model=sql.Literal(model_id),
    )
    try:
        await connection.execute(statement)
    except (psycopg.errors.DiskFull, psycopg.errors.OutOfMemory):
        # Parallel workers share BUILD_MEMORY in /dev/shm, of which a container has 64 MB by default.
        logger.info("making the index again, without parallel workers", index=build_index_name(model_id))
        await _drop(connection, model_id)
        await connection.execute("SET max_parallel_maintenance_workers = 0")
        await connection.execute(statement)
    logger.info("made the index of a model's vectors", index=build_index_name(model_id))


async def _drop(connection: Connection, model_id: int) -> None:
    index = sql.Identifier(build_index_name(model_id))
    await connection.execute(sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(index))
