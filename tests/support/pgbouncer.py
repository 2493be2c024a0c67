"""A real PgBouncer in front of a test database."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from paperround.database import to_psycopg_url

from support.sites import free_port

PROGRAM = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")


@contextmanager
def running_pgbouncer(url: str, *, mode: str, **options: str) -> Iterator[str]:
    """Run PgBouncer in front of the database of `url`, as the user that owns it. Yields its address."""
    parts, port = to_psycopg_url(url), free_port()
    account = pwd.getpwnam("paperround" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name)
    with tempfile.TemporaryDirectory(prefix="paperround-pgbouncer-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        lines = [
            "[databases]",
            f"papers = host={parts.query['host']} port={parts.query.get('port', 5432)} "
            f"dbname={parts.database} user={parts.username}",
            "[pgbouncer]",
            "listen_addr = 127.0.0.1",
            f"listen_port = {port}",
            "unix_socket_dir =",
            "auth_type = any",
            f"pool_mode = {mode}",
            *(f"{option} = {value}" for option, value in options.items()),
        ]
        (folder / "pgbouncer.ini").write_text("\n".join(lines))
        identity = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        process = subprocess.Popen(
            [str(PROGRAM), "-q", str(folder / "pgbouncer.ini")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **(identity if os.geteuid() == 0 else {}),  # type: ignore[call-overload]
        )
        try:
            _wait_until_it_listens(port, process)
            yield f"postgresql://papers@127.0.0.1:{port}/papers"
        finally:
            process.terminate()
            process.wait(30)


def _wait_until_it_listens(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 5):
            return
        time.sleep(0.02)
    raise TimeoutError("PgBouncer does not listen")
