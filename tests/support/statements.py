"""Observes what is sent to PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest


@contextmanager
def sent_statements() -> Iterator[list[tuple[str, Any]]]:
    """Collect the statements that are sent within the block, with their parameters."""
    statements: list[tuple[str, Any]] = []
    execute = psycopg.AsyncCursor.execute

    async def note(cursor: Any, statement: Any, parameters: Any = None, **options: Any) -> Any:
        text = statement.decode() if isinstance(statement, bytes) else str(statement)
        statements.append((text, parameters))
        return await execute(cursor, statement, parameters, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(psycopg.AsyncCursor, "execute", note)
        yield statements
