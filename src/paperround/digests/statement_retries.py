"""A sender's statements, tried again while the database is away."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import psycopg
import stamina

DATABASE_TIMEOUT: Final = 60  # seconds that a database may be away before a sender gives up

T = TypeVar("T")


async def run_statement(run: Callable[[], Awaitable[T]]) -> T:
    """Run a statement until the database has answered. It must do no harm when it is run twice.

    Raises `psycopg.OperationalError` when the database stays away.
    """
    try:
        return await run()  # without a context for retries, which costs a tenth of a statement
    except psycopg.OperationalError:
        return await stamina.retry(
            on=psycopg.OperationalError, attempts=None, timeout=DATABASE_TIMEOUT, wait_initial=0.1, wait_max=2
        )(run)()
