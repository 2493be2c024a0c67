"""The index of one model's vectors, made and dropped while everything runs. None below `WORTH_IT` vectors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, LiteralString

import psycopg
import structlog
from psycopg import sql

from paperround.database import Database, conninfo

logger = structlog.get_logger(__name__)

WORTH_IT: Final = 5000  # vectors; fewer are compared one by one about as fast (docs/performance.md)
MAKERS: Final = 0x686E7377  # the advisory lock of who makes or drops an index, with the model's id: "hnsw"
MEMORY: Final = "512MB"  # for the making; an index that doesn't fit is made some ten times slower
# Of a vector in the index (pgvector's m). With 16 each making came out otherwise, and some found .93 of 50.
LINKS: Final = 24
POLL: Final = 0.5  # seconds between two looks at an index that another one makes

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


def name_of(model_id: int) -> str:
    """The prefix is one that `alembic check` passes over."""
    return f"embeddings_model_{model_id}_idx"


async def ensure(database: Database, model_id: int, *, wait: bool = False) -> bool:
    """Make the model's index if it is worth one and lacks it. False: another process is at it.

    `wait` until that one is done. An index whose making was interrupted is dropped and made again.
    """
    while True:
        async with _connected(database) as connection:
            if await _complete(connection, model_id):
                return True
            if await _alone(connection, model_id):
                await _make(connection, model_id)
                return True
        if not wait:
            return False
        await asyncio.sleep(POLL)


async def drop(database: Database, model_id: int) -> None:
    """Waits for one that is being made."""
    async with _connected(database) as connection:
        while not await _alone(connection, model_id):  # noqa: ASYNC110 (another process's event)
            await asyncio.sleep(POLL)
        await _drop(connection, model_id)


@asynccontextmanager
async def _connected(database: Database) -> AsyncIterator[Connection]:
    """Of its own and outside any transaction; locks and settings end with it."""
    async with await psycopg.AsyncConnection.connect(conninfo(database.url), autocommit=True) as connection:
        yield connection


async def _alone(connection: Connection, model_id: int) -> bool:
    """Tried, not waited for: a waiting statement is a transaction that CONCURRENTLY would wait for."""
    answer = await connection.execute("SELECT pg_try_advisory_lock(%s, %s)", [MAKERS, model_id])
    row = await answer.fetchone()
    return bool(row and row[0])


async def _state(connection: Connection, model_id: int) -> tuple[bool | None, bool]:
    """Whether the index is valid, None without one; whether the model has enough vectors for one."""
    given = {"index": name_of(model_id), "worth_it": WORTH_IT, "model": model_id}
    row = await (await connection.execute(STATE, given)).fetchone()
    return (None, False) if row is None else (row[0], bool(row[1]))  # type: ignore[return-value]


async def _complete(connection: Connection, model_id: int) -> bool:
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
    logger.info("making the index of a model's vectors", index=name_of(model_id))
    await connection.execute(sql.SQL("SET maintenance_work_mem = {}").format(sql.Literal(MEMORY)))
    statement = sql.SQL(CREATE).format(
        index=sql.Identifier(name_of(model_id)),
        dimensions=sql.Literal(row[0]),
        links=sql.Literal(LINKS),
        model=sql.Literal(model_id),
    )
    await connection.execute(statement)
    logger.info("made the index of a model's vectors", index=name_of(model_id))


async def _drop(connection: Connection, model_id: int) -> None:
    index = sql.Identifier(name_of(model_id))
    await connection.execute(sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(index))
