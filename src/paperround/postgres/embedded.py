"""Shares one embedded server: the first process that needs it starts it, and the last one stops it.

Two lock files decide. `door` is held by the process that starts or stops the server, and `users` is shared by
all that use it. The kernel frees both when their holder dies, so a kill -9 leaves no false user behind.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Literal, Self
from urllib.parse import quote, urlencode

from psycopg import pq

from paperround.postgres.account import server_account
from paperround.postgres.binaries import installed
from paperround.postgres.cluster import PORT, Cluster
from paperround.postgres.errors import PostgresError
from paperround.postgres.folders import make_folder, must_be_ours, socket_folder, socket_path
from paperround.postgres.roles import DATABASE, OWNER, SERVING, SUPERUSER
from paperround.postgres.server import Server
from paperround.private_files import Purpose, open_private_file

# Reads a word from whoever started it. When that one dies without a word, the server is told to stop.
WATCH = 'read -r word || kill -INT "$0"'


class EmbeddedPostgres:
    """The PostgreSQL of one data folder. Nothing is made or started before `attached` or `start`.

    `process` is the server that `start` made as our own child. It is None while we use another process's.
    """

    def __init__(self, data_dir: Path, *, major: Literal[16, 18] = 18) -> None:
        self.major = major
        self.process: subprocess.Popen[bytes] | None = None
        self._home = _resolve(data_dir) / "postgres"
        self._users: int | None = None
        self._watcher: subprocess.Popen[bytes] | None = None

    @property
    def serving_url(self) -> str:
        """The address of our database for SQLAlchemy, as the role that may read and write rows.

        Without `+psycopg` it is one for libpq.
        """
        return self._build_url(SERVING)

    @property
    def owner_url(self) -> str:
        """The same as the role that owns the schema."""
        return self._build_url(OWNER)

    @property
    def superuser_url(self) -> str:
        """The same as the server's superuser, for what only an operator does."""
        return self._build_url(SUPERUSER)

    def _build_url(self, role: str) -> str:
        # The port is said because PGPORT would change it.
        query = urlencode({"host": str(socket_path(self._home)), "port": PORT}, quote_via=quote)
        return f"postgresql+psycopg://{role}@/{DATABASE}?{query}"

    @property
    def programs(self) -> Path:
        """The folder of the programs that fit the cluster, such as pg_dump, pg_restore and psql."""
        return installed(self._server.cluster.major() or self.major) / "bin"

    @contextmanager
    def attached(self) -> Iterator[Self]:
        """Use the running server, or start one. On leaving, stop it if nobody else uses it."""
        started: subprocess.Popen[bytes] | None = None
        with self._door():
            users = _open_lock(self._home / "users")
            try:
                fcntl.flock(users, fcntl.LOCK_SH)
                if not self._server.settle():
                    started = self._server.launch(self.major)
                self._server.furnish()
            except BaseException:
                self._leave(users, started)
                raise
        try:
            yield self
        finally:
            with self._door():
                self._leave(users, started)

    def start(self) -> None:
        """Run the server as our own child. Call this again when it is no longer `alive`.

        A server that a killed process left is stopped and replaced; one that others use is used as it is.
        Returns when it accepts connections. When we die, even by kill -9, our child shuts down.
        """
        with self._door():
            if self._users is None:
                self._users = _open_lock(self._home / "users")
            alone = _try_alone(self._users)
            fcntl.flock(self._users, fcntl.LOCK_SH)
            if alone and not self._own_is_up():
                self._server.stop()
            self._forget_ended_child()
            if not self._server.settle():
                self.process = self._server.launch(self.major)
                self._watcher = self._watch(self.process)
            self._server.furnish()

    def alive(self) -> bool:
        """Tell within 5 seconds whether the server answers."""
        self._server.trim_log()
        return self._server.ping() is pq.Ping.OK

    def stop(self) -> None:
        """Stop the server, or leave it to those who still use it: the last of them stops it."""
        if self._users is None:
            return
        with self._door():
            self._dismiss_watcher()
            users, child = self._users, self.process
            self._users = self.process = None
            self._leave(users, child)

    @cached_property
    def _server(self) -> Server:
        """The server. As root, the first use makes the system user and the folders."""
        must_be_ours(self._home)
        account = server_account()
        if account.is_other:
            there = [folder for folder in (*reversed(self._home.parents), self._home) if folder.is_dir()]
            if barred := account.out_of_reach(there):
                raise PostgresError(
                    f"PostgreSQL runs as the user {account.name!r} because it refuses root, and this user "
                    f"can't enter {barred}. Set PAPERROUND_DATA_DIR to a folder it can reach, such as "
                    f"/var/lib/paperround, or let it pass with `chmod o+x {barred}`."
                )
        make_folder(self._home.parent)
        make_folder(self._home)
        return Server(Cluster(self._home, account), socket_folder(self._home, account))

    @contextmanager
    def _door(self) -> Iterator[None]:
        """Hold the right to start or stop the server of this data folder."""
        home = self._server.cluster.home
        door = _open_lock(home / "door")
        try:
            fcntl.flock(door, fcntl.LOCK_EX)
            yield
        except OSError as error:
            raise PostgresError(
                f"The database in {home} can't be used: {error.strerror or error}.",
                advice="Make room there, or set PAPERROUND_DATA_DIR to a folder that may be written to.",
            ) from error
        finally:
            os.close(door)

    def _own_is_up(self) -> bool:
        if self.process is None or self.process.pid != self._server.running():
            return False
        with suppress(PostgresError):  # it is there and says nothing: as good as gone
            return self._server.settle()
        return False

    def _forget_ended_child(self) -> None:
        if self.process is not None and self._server.running() != self.process.pid:
            self._dismiss_watcher()  # first: while the child isn't waited for, nobody else can get its pid
            self.process.wait()
            self.process = None

    def _watch(self, server: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
        """Start a shell that stops `server` when we die.

        PR_SET_PDEATHSIG would not do: it strikes when the thread that called us ends, cannot be taken back
        when the server is left to others, and exists on Linux only.
        """
        return self._server.account.spawn("/bin/sh", "-c", WATCH, str(server.pid), stdin=subprocess.PIPE)

    def _dismiss_watcher(self) -> None:
        if self._watcher is not None:
            with suppress(BrokenPipeError):
                self._watcher.communicate(b"stay\n")
            self._watcher = None

    def _leave(self, users: int, child: subprocess.Popen[bytes] | None) -> None:
        """Stop the server if we are its last user. The caller holds the door."""
        try:
            if _try_alone(users):
                self._server.stop()
            if child is not None:
                _reap(child, ended=self._server.running() != child.pid)
        finally:
            os.close(users)


def _resolve(folder: Path) -> Path:
    try:
        return folder.expanduser().resolve()
    except (OSError, RuntimeError) as error:  # a loop of links
        raise PostgresError(
            f"The data folder {folder} can't be used: {error}. Set PAPERROUND_DATA_DIR to another one."
        ) from error


def _open_lock(file: Path) -> int:
    try:
        return open_private_file(file, Purpose.lock)
    except OSError as error:
        raise PostgresError(
            f"The lock file {file} can't be opened ({error}). Run Paperround as the user that owns the data "
            "folder, or set PAPERROUND_DATA_DIR to another one."
        ) from error


def _try_alone(users: int) -> bool:
    """Tell whether nobody else uses the server. Unless it is true, our own shared lock is lost."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _reap(child: subprocess.Popen[bytes], *, ended: bool) -> None:
    if ended:
        child.wait()
    else:
        child.returncode = 0  # left to others; else Popen complains that its child still runs
