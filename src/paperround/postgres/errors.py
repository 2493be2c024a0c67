"""The one error of the embedded server."""

from __future__ import annotations


class PostgresError(RuntimeError):
    """The embedded PostgreSQL can't be had. The text says what failed, with what, and what to do."""
