"""Keys that open the outbox in a browser. Each works once.

A key is a file in the outbox's own folder, which only its owner can read: whoever can make one could read
the mail anyway. The file's name is the key's hash, and deleting the file uses the key, so that of two who
use it at once one succeeds.
"""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from paperround.mail.outbox import Outbox, ensure_private_folder, set_owner
from paperround.private_files import Purpose, open_private_file
from paperround.tokens import generate_token, hash_token

KEY_LIFETIME: Final = timedelta(days=1)


def make_key(outbox: Outbox, *, now: datetime) -> str:
    """Create a key that opens the outbox once within `KEY_LIFETIME`. Deletes the keys that have expired.

    Raises `OSError` if the folder can't be written to.
    """
    folder = _keys_folder(outbox)
    ensure_private_folder(folder)
    # By its descriptor: we may be root, and the folder's owner could put a link to another one in its place.
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        _delete_expired(descriptor, now=now)
        return _store_key(descriptor)
    finally:
        os.close(descriptor)


def use_key(outbox: Outbox, key: str, *, now: datetime) -> bool:
    """Use a key up. Tells whether it was one, and was neither used nor expired."""
    file = _keys_folder(outbox) / hash_token(key)
    with suppress(FileNotFoundError):
        expired = _is_expired(file, now=now)
        file.unlink()
        return not expired
    return False


def _delete_expired(folder: int, *, now: datetime) -> None:
    with os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                made_at = datetime.fromtimestamp(entry.stat(follow_symlinks=False).st_mtime, UTC)
                if now - made_at > KEY_LIFETIME:
                    os.unlink(entry.name, dir_fd=folder)


def _store_key(folder: int) -> str:
    key = generate_token()
    file = open_private_file(Path(hash_token(key)), Purpose.new, folder=folder)
    try:
        set_owner(file, os.fstat(folder))
    finally:
        os.close(file)
    return key


def _keys_folder(outbox: Outbox) -> Path:
    return outbox.folder / ".keys"


def _is_expired(file: Path, *, now: datetime) -> bool:
    try:
        made_at = datetime.fromtimestamp(file.stat().st_mtime, UTC)
    except FileNotFoundError:
        return True
    return now - made_at > KEY_LIFETIME
