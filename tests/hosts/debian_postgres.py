"""PostgreSQL of Debian's packages: it has TLS, which the bundled one is built without.

Where this system's own is too old for Paperround or lacks pgvector, the packages of a later release of Debian
are unpacked into a folder, and run with that folder as their root.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from paperround.conninfo import MIN_POSTGRES_VERSION
from paperround.postgres.account import Account, server_account

from support.debian_packages import PackagesMissing, unpack

SYSTEM, EXTENSIONS = Path("/usr/lib/postgresql"), Path("/usr/share/postgresql")
LATER_RELEASE, LATER_VERSION = "trixie", 17
UNPACKED = Path("/var/cache/paperround-hosts") / LATER_RELEASE
PACKAGES = (f"postgresql-{LATER_VERSION}", f"postgresql-{LATER_VERSION}-pgvector", "dash")
ENTER = """
root=$0 who=$1; shift
mount --rbind /dev "$root/dev" && mount -t proc proc "$root/proc" &&
    exec chroot --userspec="$who" "$root" "$@"
"""


class PostgresMissing(Exception):
    """There is no such PostgreSQL here, and it can't be had."""


@dataclass(frozen=True)
class Programs:
    """PostgreSQL's programs in `folder`, which is within `root`, the folder that they take for `/`."""

    folder: Path
    root: Path
    account: Account

    def spawn(
        self, program: str, *arguments: str, output: int | IO[bytes] = subprocess.DEVNULL
    ) -> subprocess.Popen[bytes]:
        command = [str(self.folder / program), *arguments]
        if self.root == Path("/"):
            return self.account.spawn(*command, output=output)
        who = f"{self.account.uid}:{self.account.gid}"
        return subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", ENTER, str(self.root), who, *command],
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip

    def run(self, program: str, *arguments: str) -> None:
        with self.spawn(program, *arguments, output=subprocess.PIPE) as process:
            said, _ = process.communicate(timeout=120)
        if process.returncode:
            raise RuntimeError(f"{program} failed: {said.decode(errors='replace')}")

    @contextmanager
    def folder_within(self) -> Iterator[Path]:
        """A folder of the account's own that the programs see. Yields its path as everybody else sees it."""
        inside = self.root / "tmp"
        with tempfile.TemporaryDirectory(prefix="paperround-hosts-", dir=inside) as name:
            folder = Path(name)
            _hand_over(folder, self.account)
            yield folder

    def seen(self, path: Path) -> str:
        """The path as the programs see it."""
        return str(Path("/") / path.relative_to(self.root))


def _hand_over(path: Path, account: Account) -> None:
    subprocess.run(["chown", "-R", f"{account.uid}:{account.gid}", str(path)], check=True)


def find_programs(*, for_paperround: bool = True) -> Programs:
    """Find a PostgreSQL that is good enough for Paperround, or any with TLS. Raises `PostgresMissing`."""
    account = server_account()
    for folder in sorted(SYSTEM.glob("*/bin"), reverse=True):
        version = int(re.match(r"\d+", folder.parent.name)[0])
        has_vector = (EXTENSIONS / str(version) / "extension/vector.control").exists()
        if (folder / "postgres").exists() and (
            not for_paperround or (version >= MIN_POSTGRES_VERSION and has_vector)
        ):
            return Programs(folder, Path("/"), account)
    if not for_paperround:
        raise PostgresMissing("Debian's package postgresql is not installed")
    _unpack_later_release(account)
    return Programs(SYSTEM / str(LATER_VERSION) / "bin", UNPACKED, account)


def _unpack_later_release(account: Account) -> None:
    try:
        unpack(LATER_RELEASE, PACKAGES, UNPACKED)
    except PackagesMissing as reason:
        raise PostgresMissing(str(reason)) from reason
    for link in ("bin", "sbin", "lib", "lib64"):
        if not (UNPACKED / link).exists():
            (UNPACKED / link).symlink_to(f"usr/{link}")
    for mount in ("dev", "proc", "tmp"):
        (UNPACKED / mount).mkdir(exist_ok=True)
    (UNPACKED / "tmp").chmod(0o1777)
    (UNPACKED / "etc/passwd").write_text(f"{account.name}:x:{account.uid}:{account.gid}::/:/bin/sh\n")
