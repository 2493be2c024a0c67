"""Checks whether a cluster's server is running, starts it and stops it. Callers decide who may do so."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import pq
from psycopg.conninfo import make_conninfo
from psycopg.rows import TupleRow

from paperround.postgres import roles
from paperround.postgres.account import Account
from paperround.postgres.binaries import programs
from paperround.postgres.cluster import PORT, Cluster
from paperround.postgres.errors import PostgresError
from paperround.private_files import Purpose, open_private_file

# Seconds.
RECOVERY = 600  # a server that says it is starting up, replaying what a crash left
SILENCE = 30  # a server that is there and says nothing
LEFTOVERS = 20  # backends of a killed server, until they notice
SHUTDOWN = 60
LOG_LIMIT = 5_000_000  # bytes
# What a new server says when a pid file names a live process, or backends of a killed one still run.
PASSING = ("already exists", "still in use")


@dataclass(frozen=True)
class Server:
    cluster: Cluster
    socket: Path

    @property
    def account(self) -> Account:
        return self.cluster.account

    @property
    def log(self) -> Path:
        return self.cluster.home / "log"

    def ping(self) -> pq.Ping:
        """Ping the server. OK means that it accepts connections, REJECT that it is starting or stopping."""
        address = make_conninfo(
            host=str(self.socket), port=PORT, user=roles.SUPERUSER, dbname="postgres", connect_timeout=5
        )
        return pq.Ping(pq.PGconn.ping(address.encode()))

    def running(self) -> int | None:
        """Return the process id of the cluster's postmaster. A pid file may name another process."""
        pid = _pid_in(self.cluster.folder / "postmaster.pid")
        return pid if pid and f"postgres -D {self.cluster.folder} " in _command(pid) else None

    def settle(self) -> bool:
        """Wait for a server that is starting or stopping. Returns whether it answers then."""
        started = heard = time.monotonic()
        while (answer := self.ping()) is not pq.Ping.OK:
            if not self.running():
                return False
            now = time.monotonic()
            heard = now if answer is pq.Ping.REJECT else heard
            if now > heard + SILENCE or now > started + RECOVERY:
                raise self._error("PostgreSQL is running but does not answer", self._log_size() - 2000)
            time.sleep(0.05)
        return True

    def launch(self, major: int) -> subprocess.Popen[bytes]:
        """Start a server and wait until it answers. What an earlier one left is waited for or cleared."""
        folder = self._prepare(major)
        give_up = time.monotonic() + LEFTOVERS
        while True:
            mark = self._log_size()
            process = self._spawn(folder)
            if self._comes_up(process):
                return process
            said = self._log_since(mark)
            if time.monotonic() > give_up or not any(word in said for word in PASSING):
                raise self._error("PostgreSQL did not start", mark)
            self._clear_stale_locks()
            time.sleep(0.25)

    def _prepare(self, major: int) -> Path:
        """Make the cluster if missing and write its settings. Returns the folder of its programs."""
        made_by = self.cluster.major()
        folder = programs(made_by or major, self.account, self.cluster.home / "binaries")
        if made_by is None:
            self.cluster.create(folder, major)
        self.cluster.write_settings(self.socket)
        self.trim_log()
        return folder

    def _spawn(self, folder: Path) -> subprocess.Popen[bytes]:
        # It may quote what readers wrote. Appended to, since trim_log cuts the file under a running server.
        with os.fdopen(open_private_file(self.log, Purpose.append), "ab") as log:
            return self.account.spawn(
                folder / "postgres",
                "-D",
                self.cluster.folder,
                "-c",
                f"config_file={self.cluster.settings}",
                output=log,
            )

    def _comes_up(self, process: subprocess.Popen[bytes]) -> bool:
        """Wait until the server answers (True) or has ended (False)."""
        give_up = time.monotonic() + RECOVERY
        try:
            while process.poll() is None and time.monotonic() < give_up:
                if self.ping() is pq.Ping.OK and self.running() == process.pid:
                    return True
                time.sleep(0.02)
        except BaseException:
            _end(process)
            raise
        _end(process)
        return False

    def _clear_stale_locks(self) -> None:
        """Remove lock files of dead servers. PostgreSQL would take any live process for theirs."""
        if self.running():
            return
        for lock in (self.cluster.folder / "postmaster.pid", self.socket / f".s.PGSQL.{PORT}.lock"):
            lock.unlink(missing_ok=True)

    def stop(self) -> None:
        """Stop the server and wait for its end. Open transactions are rolled back."""
        pid = self.running()
        for step, patience in ((signal.SIGINT, SHUTDOWN), (signal.SIGQUIT, 10), (signal.SIGKILL, 10)):
            if pid is None:
                return
            with suppress(ProcessLookupError):
                os.kill(pid, step)
            give_up = time.monotonic() + patience
            while self.running() == pid:
                if time.monotonic() > give_up:
                    break
                time.sleep(0.02)
            else:
                return
        raise self._error(f"PostgreSQL (process {pid}) does not stop", self._log_size() - 2000)

    def furnish(self) -> None:
        """Create the roles, our database and its vector extension if they are missing, and hand them over."""
        mark = self._log_size()
        try:
            with self._connect("postgres") as connection:
                roles.ensure_roles(connection)
                roles.ensure_database(connection)
                if self.cluster.write_access():  # by an earlier release, whose server still runs
                    connection.execute("SELECT pg_reload_conf()")
                    self._await_access()
            with self._connect(roles.DATABASE) as connection:
                connection.execute("SET client_min_messages = warning")
                connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
                roles.hand_over(connection)
        except psycopg.Error as error:
            raise self._error(
                f"PostgreSQL runs but our database can't be made or opened ({error})", mark
            ) from error

    def _await_access(self) -> None:
        """Wait until the server has read which roles we may be."""
        give_up = time.monotonic() + SILENCE
        while True:
            try:
                return self._connect(roles.DATABASE, roles.OWNER).close()
            except psycopg.OperationalError:
                if time.monotonic() > give_up:
                    raise
            time.sleep(0.05)

    def _connect(self, database: str, role: str = roles.SUPERUSER) -> psycopg.Connection[TupleRow]:
        return psycopg.connect(
            host=str(self.socket),
            port=PORT,
            user=role,
            dbname=database,
            connect_timeout=10,
            autocommit=True,
        )

    def trim_log(self) -> None:
        """Keep only the newest part of a log that is over its limit."""
        if self._log_size() > LOG_LIMIT:
            kept = self._log_since(self._log_size() - LOG_LIMIT // 10)
            os.truncate(self.log, 0)
            with self.log.open("a", encoding="utf-8") as log:
                log.write(kept)

    def _log_size(self) -> int:
        return self.log.stat().st_size if self.log.exists() else 0

    def _log_since(self, mark: int) -> str:
        if not self.log.exists():
            return ""
        with self.log.open("rb") as log:
            log.seek(max(mark, 0))
            return log.read().decode(errors="replace")

    def _error(self, what: str, mark: int) -> PostgresError:
        tail = "\n".join(self._log_since(mark).splitlines()[-12:]) or "(nothing)"
        return PostgresError(
            f"{what} in {self.cluster.folder}. Its log {self.log} ends with what may say why:\n{tail}"
        )


def _end(process: subprocess.Popen[bytes]) -> None:
    """Shut the process down, and kill it if it does not end: nothing of it may stay behind unwatched."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(SHUTDOWN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _pid_in(lock: Path) -> int | None:
    """Return the process id on the first line. None where there is no file or no number."""
    try:
        return abs(int(lock.read_text(encoding="utf-8", errors="replace").split("\n", 1)[0]))
    except (FileNotFoundError, ValueError):
        return None


def _command(pid: int) -> str:
    """Return the command line of a process, or nothing for one that has ended, even as a zombie."""
    if sys.platform == "linux":
        with suppress(FileNotFoundError, ProcessLookupError):
            return (
                Path(f"/proc/{pid}/cmdline")
                .read_bytes()
                .replace(b"\0", b" ")
                .decode(errors="surrogateescape")
            )
        return ""
    ps = ("/bin/ps", "-ww", "-o", "command=", "-p", str(pid))
    found = subprocess.run(ps, capture_output=True, check=False)  # noqa: S603 - fixed program, a number
    return found.stdout.decode(errors="surrogateescape").strip() + " "
