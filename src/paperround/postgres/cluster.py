"""The cluster: PostgreSQL's data, made once and whole, and the settings that are written at each start."""

from __future__ import annotations

import os
import pwd
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from paperround.postgres.account import Account
from paperround.postgres.errors import PostgresError
from paperround.postgres.folders import sync
from paperround.postgres.roles import OWNER, SERVING, SUPERUSER
from paperround.resources import usable_memory

IDENT_MAP = "paperround"
PORT = 5432  # names the socket; nothing listens on TCP

SETTINGS = f"""\
# Written at each start. Settings of your own: ALTER SYSTEM, which wins over this file.
listen_addresses = ''
port = {PORT}
unix_socket_permissions = 0700
timezone = 'UTC'
log_timezone = 'UTC'
lc_messages = 'C'
default_text_search_config = 'pg_catalog.english'
max_connections = 60
maintenance_work_mem = '128MB'
max_wal_size = '512MB'
log_checkpoints = off
log_min_messages = log  # an error of a statement quotes what readers sent; our own log tells of it without
"""
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 (where the kernel has it; we write nothing there)
MIN_SHARED_MEMORY = 1_000_000_000  # bytes, with room for a parallel index build beside parallel queries
MIN_SHARED_BUFFERS, MAX_SHARED_BUFFERS = 128, 1024  # MB


@dataclass(frozen=True)
class Cluster:
    """The content of `home`, the data folder's `postgres`. `home` belongs to us, `folder` to the account."""

    home: Path
    account: Account

    @property
    def folder(self) -> Path:
        return self.home / "cluster"

    @property
    def settings(self) -> Path:
        return self.home / "postgresql.conf"

    def major(self) -> int | None:
        """The major version that made the data, or None where there is no data yet."""
        try:
            owner = self.folder.stat().st_uid
            version = (self.folder / "PG_VERSION").read_text(encoding="ascii", errors="replace")
        except FileNotFoundError:
            self._must_be_free()
            return None
        if owner != self.account.uid:
            raise PostgresError(
                f"The database in {self.folder} belongs to user id {owner}, but PostgreSQL runs here as "
                f"{self.account.name!r} ({self.account.uid}). Give it to that user with "
                f"`chown -R {self.account.name} {self.folder}`, or set PAPERROUND_DATA_DIR to another folder."
            )
        if not version.strip().isdecimal():
            raise PostgresError(f"{self.folder} is damaged: PG_VERSION is no number. Restore a backup.")
        return int(version)

    def _must_be_free(self) -> None:
        if self.folder.is_dir() and any(self.folder.iterdir()):
            raise PostgresError(
                f"{self.folder} is not empty and holds no complete database (no PG_VERSION). Move it away to "
                "begin anew, or put a backup in its place."
            )

    def create(self, programs: Path, major: int) -> None:
        """Make the data beside its place and rename it, so that whatever has the name is whole."""
        for left in self.home.glob("new-*"):  # by one who was killed
            shutil.rmtree(left, ignore_errors=True)
        fresh = Path(tempfile.mkdtemp(prefix="new-", dir=self.home))
        try:
            if self.account.is_other:
                os.chown(fresh, self.account.uid, self.account.gid)
            self._initdb(programs, major, fresh)
            fresh.rename(self.folder)
        except BaseException:
            shutil.rmtree(fresh, ignore_errors=True)
            raise
        sync(self.home)

    def _initdb(self, programs: Path, major: int, fresh: Path) -> None:
        """Run initdb, which syncs what it wrote before it returns."""
        said = ""
        for locale in _locales(major):
            ok, said = self.account.run(
                programs / "initdb", "-D", fresh, "-U", SUPERUSER, "--auth=peer", "--encoding=UTF8", *locale
            )
            if ok:
                return
        raise PostgresError(f"initdb could not make a database in {self.home}. It said:\n{said[-2000:]}")

    def write_settings(self, socket: Path) -> None:
        """Write the files of settings.

        They lie in `home`, which is ours: in `folder` a link could lead root to another file.
        """
        self.write_access()
        _write(
            self.settings,
            f"{SETTINGS}shared_buffers = '{buffers(usable_memory())}MB'\n"
            f"{shared_memory_settings(SHARED_MEMORY)}"
            f"unix_socket_directories = {_quoted(_listed(str(socket)))}\n"
            f"hba_file = {_quoted(str(self._hba))}\nident_file = {_quoted(str(self._ident))}\n",
        )

    @property
    def _hba(self) -> Path:
        return self.home / "pg_hba.conf"

    @property
    def _ident(self) -> Path:
        return self.home / "pg_ident.conf"

    def write_access(self) -> bool:
        """Write which users may be which roles. Returns whether that has changed.

        We may be each of them. Our processes, which root runs as the account, need not be the superuser.
        """
        us = pwd.getpwuid(os.geteuid()).pw_name
        allowed = [(us, SUPERUSER)] + [
            (user, role) for user in {us, self.account.name} for role in (OWNER, SERVING)
        ]
        changed = [
            _write(self._hba, f"local all {SUPERUSER},{OWNER},{SERVING} peer map={IDENT_MAP}\n"),
            _write(
                self._ident,
                "".join(f"{IDENT_MAP} {_listed(user)} {role}\n" for user, role in sorted(allowed)),
            ),
        ]
        return any(changed)


def buffers(memory: int) -> int:
    """Return the megabytes of shared buffers: a quarter of `memory` (bytes), as PostgreSQL's manual advises.

    They are taken as they fill. The upper bound holds a catalogue of 100,000 papers with vectors.
    """
    return min(max(memory // 4 // 2**20, MIN_SHARED_BUFFERS), MAX_SHARED_BUFFERS)


def shared_memory_settings(folder: Path) -> str:
    """Return the settings for a machine whose shared memory is small, such as the 64 MB of a container.

    `folder` is where it is mounted. Index builds in parallel would fill it; without it, files serve instead.
    """
    try:
        size = shutil.disk_usage(folder).total
    except OSError:
        return "dynamic_shared_memory_type = mmap\nmax_parallel_maintenance_workers = 0\n"
    return "" if size >= MIN_SHARED_MEMORY else "max_parallel_maintenance_workers = 0\n"


def _locales(major: int) -> list[list[str]]:
    """List locales that sort by code point and know all letters. The first that works is taken."""
    if major >= 17:
        return [["--locale-provider=builtin", "--locale=C.UTF-8"]]
    return [["--locale=C", "--lc-ctype=C.UTF-8"], ["--locale=C"]]  # not every libc has C.UTF-8


def _quoted(text: str) -> str:
    """Quote a value for postgresql.conf."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def _listed(text: str) -> str:
    """Quote one entry of a list of folders, or of a line in pg_ident.conf."""
    return '"' + text.replace('"', '""') + '"'


def _write(file: Path, text: str) -> bool:
    """Replace the file in one step, readable for the server's user. Returns whether that changed it."""
    with suppress(FileNotFoundError):
        if file.read_text(encoding="utf-8") == text:
            return False
    fresh = file.with_suffix(".new")
    fresh.write_text(text, encoding="utf-8")
    fresh.chmod(0o644)
    fresh.replace(file)
    return True
