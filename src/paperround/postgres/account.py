"""The system user that PostgreSQL runs as. It refuses root, so root hands it to the user `paperround`."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from paperround.postgres.errors import PostgresError

SYSTEM_USER = "paperround"
# Prints the first path that the user running it can't enter (folders) or read (files).
FIRST_OUT_OF_REACH = """
for path do
    if [ -d "$path" ]; then [ -x "$path" ]; else [ -r "$path" ]; fi || { printf %s "$path"; exit 1; }
done
"""


@dataclass(frozen=True)
class Account:
    """A user that programs of PostgreSQL run as."""

    name: str
    uid: int
    gid: int

    @property
    def is_other(self) -> bool:
        """Tell whether this is another user than the one we are. Only root can arrange that."""
        return self.uid != os.geteuid()

    def spawn(
        self,
        *command: str | Path,
        stdin: int = subprocess.DEVNULL,
        output: int | IO[bytes] = subprocess.DEVNULL,
    ) -> subprocess.Popen[bytes]:
        """Start a program as this user, in a session of its own, so that our Ctrl-C does not reach it."""
        return subprocess.Popen(  # noqa: S603 - our own programs with our own paths, no shell reads them
            command,
            stdin=stdin,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",  # ours may be a folder that the user can't enter
            env=_environment(),
            start_new_session=True,
            umask=0o077,
            user=self.uid if self.is_other else None,
            group=self.gid if self.is_other else None,
            extra_groups=[] if self.is_other else None,
        )

    def run(self, *command: str | Path) -> tuple[bool, str]:
        """Run a program to its end. Returns whether it succeeded, and what it printed."""
        with self.spawn(*command, output=subprocess.PIPE) as process:
            try:
                said, _ = process.communicate()
            except BaseException:
                process.kill()
                raise
        return process.returncode == 0, said.decode(errors="replace").strip()

    def out_of_reach(self, paths: Iterable[Path]) -> Path | None:
        """Return the first of `paths` that this user cannot enter or read.

        Parents come before their children.
        """
        ok, said = self.run("/bin/sh", "-c", FIRST_OUT_OF_REACH, "sh", *paths)
        return None if ok else Path(said)


def server_account() -> Account:
    """Return our own account or, as root, that of the system user `paperround`, which is made if missing."""
    try:
        us = _account(pwd.getpwuid(os.geteuid()))
    except KeyError:
        raise PostgresError(
            f"PostgreSQL can't run as user id {os.geteuid()}, which has no name in /etc/passwd. "
            "Add an entry for it, or set PAPERROUND_DATABASE_URL to a PostgreSQL of your own."
        ) from None
    return us if us.uid else _system_user(us)


def _system_user(root: Account) -> Account:
    said = ""
    for _ in range(20):  # useradd gives up at once while another one holds the lock of /etc/passwd
        try:
            found = _account(pwd.getpwnam(SYSTEM_USER))
        except KeyError:
            said = _add_user(root)
            time.sleep(0.1)
            continue
        if found.uid:
            return found
        said = "it exists with user id 0"
        break
    raise PostgresError(
        f"PostgreSQL refuses to run as root, and the system user {SYSTEM_USER!r} can't be had ({said}). "
        f"Make it with `useradd --system {SYSTEM_USER}`, or run Paperround as an ordinary user."
    )


def _add_user(root: Account) -> str:
    program = shutil.which("useradd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if program is None:
        return "there is no program useradd"
    shell = "/usr/sbin/nologin"
    _, said = root.run(
        program, "--system", "--no-create-home", "--home-dir=/nonexistent", "--shell", shell, SYSTEM_USER
    )
    return said


def _account(entry: pwd.struct_passwd) -> Account:
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _environment() -> dict[str, str]:
    """Build a child's environment: ours without PostgreSQL's options (PGPORT, PGDATA) and without secrets."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "PAPERROUND_"))}
    return {**kept, "LC_ALL": "C"}
