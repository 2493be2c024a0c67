"""The error of the embedded server."""

from __future__ import annotations

from paperround.errors import PaperroundError


class PostgresError(PaperroundError):
    """The embedded PostgreSQL cannot be used. The text says what failed, with what, and what to do."""

    title = "No database"
