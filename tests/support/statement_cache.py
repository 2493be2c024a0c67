"""Keeps compiled statements for as long as this process of the tests runs.

SQLAlchemy compiles a statement anew for every engine, and tests make thousands of engines of one kind. A web
process has one for as long as it lives, so it keeps its statements for as long too.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.dialects.postgresql.psycopg import PGDialectAsync_psycopg
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.util import LRUCache

from paperround import database

MAX_STATEMENTS = 5000


def share_compiled_statements() -> None:
    """Have all engines of `Database` share one cache of compiled statements, a server's version apart.

    Its keys have the engine's dialect in them, as have those of the caches that SQLAlchemy's mappers keep.
    """
    shared: LRUCache[Any, Any] = LRUCache(MAX_STATEMENTS)
    create: Any = database.create_async_engine  # type: ignore[attr-defined]

    def create_sharing(*arguments: Any, **options: Any) -> AsyncEngine:
        engine: AsyncEngine = create(*arguments, execution_options={"compiled_cache": shared}, **options)
        return engine

    database.create_async_engine = create_sharing  # type: ignore[attr-defined]
    for name, method in (("__eq__", _is_alike), ("__hash__", _hash)):
        setattr(PGDialectAsync_psycopg, name, method)


def _is_alike(dialect: PGDialectAsync_psycopg, other: object) -> bool:
    """Whether statements that were compiled for one dialect do for the other."""
    return type(other) is type(dialect) and _version(dialect) == _version(other)


def _hash(dialect: PGDialectAsync_psycopg) -> int:
    return hash(type(dialect))


def _version(dialect: object) -> object:
    """The version of the server, which a dialect knows once it is connected."""
    return getattr(dialect, "server_version_info", None)
