"""Makes our folders with the right owner and mode. It changes no folder that is not ours."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from paperround.postgres.account import Account
from paperround.postgres.errors import PostgresError

# A socket's path has at most 107 bytes (103 on macOS); this leaves 24 of them for its name.
MAX_SOCKET_FOLDER_LENGTH = 78
# Not tempfile.gettempdir(): that follows TMPDIR, and a service and a shell must find the same socket.
SHORT_PARENT = Path("/tmp")  # noqa: S108 - the folder in it is 0700 and its owner is checked


def must_be_ours(folder: Path) -> None:
    """Raise `PostgresError` if somebody else made the folder. make_folder handles one that cannot be seen."""
    try:
        owner = folder.stat().st_uid
    except OSError:
        return
    if owner != os.geteuid():
        raise PostgresError(
            f"{folder} belongs to user id {owner}; Paperround runs as user id {os.geteuid()}. Run it as the "
            "user that it ran as before, or set PAPERROUND_DATA_DIR to another folder."
        )


def make_folder(folder: Path) -> None:
    """Make a folder of ours if it is missing: private, but as root passable for the server's user.

    Existing folders stay as they are.
    """
    root = os.geteuid() == 0
    try:
        _make(folder, mode=0o711 if root else 0o700, parents=0o755 if root else 0o700)
    except OSError as error:
        raise PostgresError(
            f"The data folder can't be made: {error}. Set PAPERROUND_DATA_DIR to a folder you may write to."
        ) from error


def _make(folder: Path, *, mode: int, parents: int) -> None:
    if folder.is_dir():
        return
    _make(folder.parent, mode=parents, parents=parents)
    folder.mkdir(mode=mode, exist_ok=True)
    folder.chmod(mode)  # mkdir's mode is cut by the umask


def sync(folder: Path) -> None:
    """Sync a folder, so that files which were renamed in it keep their new names after a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def socket_path(parent: Path, user: int | None = None) -> Path:
    """Return where a folder's Unix sockets are: in it, or in a short folder if its path is too long.

    The short one has the number of a user in its name, by default ours.
    """
    own = parent / "socket"
    # libpq takes a comma for the start of a second host; SQLAlchemy writes a space as +, libpq reads a plus.
    if len(os.fsencode(own)) <= MAX_SOCKET_FOLDER_LENGTH and not {",", " "} & set(str(own)):
        return own
    digest = hashlib.sha256(os.fsencode(parent)).hexdigest()[:16]
    return SHORT_PARENT / f"paperround-{os.geteuid() if user is None else user}-{digest}"


def socket_folder(parent: Path, owner: Account | None = None, *, user: int | None = None) -> Path:
    """Return the folder for the Unix sockets of `parent`, which is made if missing (`socket_path`).

    Its mode is 0700, its owner `owner` (us by default). Names of sockets in it may have 24 bytes.
    """
    folder = socket_path(parent, user)
    if folder.parent == parent:
        make_folder(parent)
    try:
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        raise PostgresError(
            f"The socket folder {folder} is no folder that can be used ({error}). Remove it, or set "
            "PAPERROUND_DATA_DIR to a folder that may be written to."
        ) from error
    try:
        _take_over(descriptor, folder, owner)
    except OSError as error:
        raise PostgresError(
            f"The socket folder {folder} can't be made private ({error.strerror}). Run Paperround as its "
            "owner, or set PAPERROUND_DATA_DIR to a folder that may be written to."
        ) from error
    finally:
        os.close(descriptor)
    return folder


def _take_over(descriptor: int, folder: Path, owner: Account | None) -> None:
    us, uid = os.geteuid(), owner.uid if owner else os.geteuid()
    found = os.fstat(descriptor).st_uid
    if found not in {us, uid}:
        raise PostgresError(f"The socket folder {folder} belongs to user id {found}, not {uid}. Remove it.")
    if owner and found != uid:
        os.fchown(descriptor, owner.uid, owner.gid)
    os.fchmod(descriptor, 0o700)
