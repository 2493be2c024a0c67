"""Runs pg_dump, pg_restore and psql: finds versions that fit the server and gives them its address."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import TupleRow

from paperround.conninfo import build_conninfo
from paperround.errors import PaperroundError

SCHEMAS: Final = ("public", "jobs")
APPLICATION: Final = "paperround backup"
SECRETS: Final = {"password", "sslpassword"}  # of libpq's parameters; everybody can read a command line


class BackupError(PaperroundError):
    """A backup cannot be made or restored. The text says why and what to do. Nothing was changed."""

    title = "Backup not possible"


@dataclass(frozen=True)
class Programs:
    """PostgreSQL's programs for the database at `url`. They are in `folder`, or on PATH if that is None."""

    url: str
    folder: Path | None

    def command(self, name: str, *arguments: str) -> list[str]:
        """Build a command line. Raises `BackupError` if there is no such program."""
        found = shutil.which(name, path=str(self.folder) if self.folder else None)
        if found is None:
            raise BackupError(f"{name} is not on PATH. {_advice()}")
        return [found, *arguments]

    def connecting(self, name: str, *arguments: str) -> list[str]:
        """Build a command line that connects to the database. The password is in `environment`."""
        told = {key: value for key, value in self._address.items() if key not in SECRETS}
        return self.command(name, "--no-password", f"--dbname={make_conninfo(**told)}", *arguments)

    @property
    def environment(self) -> dict[str, str]:
        """The children's environment: ours, the database's password, and English messages."""
        password = self._address.get("password")
        return {**os.environ, "LC_ALL": "C", **({"PGPASSWORD": str(password)} if password else {})}

    @contextmanager
    def connected(self) -> Iterator[psycopg.Connection[TupleRow]]:
        """Open a connection for reading. Raises `BackupError` for what the database refuses."""
        try:
            with psycopg.connect(make_conninfo(**self._address), autocommit=True) as connection:
                yield connection
        except psycopg.Error as error:
            raise BackupError(
                f"The database can't be used: {str(error).strip()}\nCheck PAPERROUND_DATABASE_URL."
            ) from error

    def require_fit(self, connection: psycopg.Connection[TupleRow], name: str) -> None:
        """Raise `BackupError` if a program is older than the server, whose data it could not all know."""
        server = connection.info.server_version // 10_000
        command = self.command(name, "--version")
        said = subprocess.run(command, capture_output=True, text=True, check=False).stdout  # noqa: S603
        version = re.search(r"\d+", said)
        if version is None or int(version[0]) < server:
            raise BackupError(
                f"{command[0]} is of PostgreSQL {version[0] if version else '?'}, the server of {server}. "
                f"{_advice(server)}"
            )

    @property
    def _address(self) -> dict[str, str]:
        """The database's address as libpq parameters."""
        found = {key: str(value) for key, value in conninfo_to_dict(build_conninfo(self.url)).items()}
        return {"connect_timeout": "10", **found, "application_name": APPLICATION}


def _advice(major: int | None = None) -> str:
    version = f"-{major}" if major else ""
    return (
        f"Install PostgreSQL's client programs (Debian and Ubuntu: postgresql-client{version}), not older "
        "than the server, and put their folder first on PATH."
    )


def words(said: str) -> str:
    """Return the end of what a program printed when it failed. A line may quote a whole vector."""
    return "\n".join(line[:300] for line in said.strip().splitlines()[-6:]) or "(nothing)"
