"""Keeps the tracebacks of our own faults in a file, so that nobody has to look at one."""

from __future__ import annotations

import os
import secrets
import traceback
from pathlib import Path
from typing import Final

import structlog
from pydantic import ValidationError

from paperround.database import utc_now
from paperround.errors import PaperroundError
from paperround.postgres.folders import make_folder
from paperround.private_files import Purpose, open_private_file
from paperround.settings import Settings

logger = structlog.get_logger(__name__)

FILE_NAME: Final = "errors.log"  # in the data folder
MAX_FILE_SIZE: Final = 1_000_000  # bytes, after which the file begins anew


def report_bug(error: BaseException) -> str:
    """Write the traceback to the file of errors. Returns a line that says so, with the error's number.

    Where the file can't be written, the traceback goes to the log.
    """
    number = secrets.token_hex(4)
    kind = type(error).__name__
    try:
        file = _append(number, error)
    except (OSError, PaperroundError, ValidationError):
        logger.exception("unexpected error", number=number, exc_info=error)
        return f"This is a bug in Paperround ({kind}, number {number}). The log has the details."
    return f"This is a bug in Paperround ({kind}). {file} has the details, under the number {number}."


def _append(number: str, error: BaseException) -> Path:
    folder = Settings().data_dir
    make_folder(folder)
    file = folder / FILE_NAME
    descriptor = open_private_file(file, Purpose.append)
    with os.fdopen(descriptor, "a", encoding="utf-8", errors="backslashreplace") as log:
        if os.fstat(descriptor).st_size > MAX_FILE_SIZE:
            os.ftruncate(descriptor, 0)
        log.write(f"{utc_now():%Y-%m-%dT%H:%M:%SZ} {number}\n{''.join(traceback.format_exception(error))}\n")
    return file
