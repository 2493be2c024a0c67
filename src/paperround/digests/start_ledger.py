"""What a sender may have begun, written so that no crash of the database loses it.

The log of deliveries doesn't wait for the disk, so a crash may lose that a message was started. The ledger
waits for it, once for several messages, before the first of them may be started. What was claimed and doesn't
stand in the ledger was certainly not begun.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import psycopg

from paperround.conninfo import build_conninfo
from paperround.digests.statement_retries import run_statement

ANNOUNCE: Final = "UPDATE sender_progress SET may_have_begun = %s::bigint[] WHERE sender = %s"


class StartLedger:
    """The ledger of one sender: the deliveries that it may have begun and whose outcome isn't written."""

    def __init__(self, url: str, sender: int) -> None:
        self._url = url
        self._sender = sender
        self._open: set[int] = set()
        self._connection: psycopg.AsyncConnection | None = None

    async def announce(self, deliveries: Iterable[int]) -> bool:
        """Write that these may be begun from now on. Returns False when the sender was taken for dead.

        What `finish` was called for is left out: its outcome was written before, so whatever keeps this
        statement keeps that too. Raises `psycopg.OperationalError` when the database stays away.
        """
        self._open.update(deliveries)
        values = (sorted(self._open), self._sender)

        async def write() -> bool:
            connection = await self._connect()
            return (await connection.execute(ANNOUNCE, values)).rowcount == 1

        return await run_statement(write)

    def finish(self, deliveries: Iterable[int]) -> None:
        """Note that the outcome of these was written, or that they were not started."""
        self._open.difference_update(deliveries)

    async def aclose(self) -> None:
        if self._connection is not None:
            await self._connection.close()

    async def _connect(self) -> psycopg.AsyncConnection:
        if self._connection is None or self._connection.closed:
            self._connection = await psycopg.AsyncConnection.connect(
                build_conninfo(self._url), autocommit=True, connect_timeout=10
            )
            await self._connection.execute("SET synchronous_commit = on")
        return self._connection
