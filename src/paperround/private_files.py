"""Opens files that nobody else may read: mail, keys, tracebacks, locks."""

from __future__ import annotations

import os
from enum import Enum
from pathlib import Path
from typing import Final

PRIVATE_MODE: Final = 0o600


class Purpose(Enum):
    """What a file is opened for, as flags of `os.open`."""

    new = os.O_WRONLY | os.O_EXCL  # a file that must not be there yet
    append = os.O_WRONLY | os.O_APPEND
    lock = os.O_RDWR


def open_private_file(file: Path, purpose: Purpose, *, folder: int | None = None) -> int:
    """Open a file, which is made if missing, and return its descriptor. Nobody but its owner may read it.

    A link is not followed, since somebody else may have laid it there. A relative path begins at `folder`, a
    folder's descriptor. Raises `OSError`.
    """
    flags = purpose.value | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(file, flags, PRIVATE_MODE, dir_fd=folder)
    try:
        status = os.fstat(descriptor)
        if status.st_mode & 0o077 and os.geteuid() in (0, status.st_uid):  # made by an earlier release
            os.fchmod(descriptor, PRIVATE_MODE)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
