"""Tells trouble outside of the program (a dead database, a full disk, a forbidden file) from bugs."""

from __future__ import annotations

import errno
import logging
import math
import sys
import time
from collections.abc import Iterator
from typing import Final

import psycopg

from paperround.conninfo import DatabaseUnavailable, find_driver_error
from paperround.errors import PaperroundError

ADVICE_BY_ERRNO: Final = {
    errno.ENOSPC: "Free some space on that disk.",
    errno.EDQUOT: "Make room, or raise the user's quota.",
    errno.EROFS: "Name a folder that can be written to; for the data that is PAPERROUND_DATA_DIR.",
    errno.EACCES: "Run Paperround as the user that may use it, or name another place.",
    errno.EPERM: "Run Paperround as the user that may use it, or name another place.",
    errno.EADDRINUSE: "Stop what uses the address, or set another one.",
    errno.EADDRNOTAVAIL: "Set an address that this machine has.",
    errno.ENOENT: "Check the path.",
    errno.ENOTDIR: "Check the path.",
    errno.EISDIR: "Check the path.",
    errno.EEXIST: "Choose another name, or remove what is there.",
    errno.ENAMETOOLONG: "Choose a shorter name.",
    errno.EMFILE: "Raise the limit of open files (`ulimit -n`).",
    errno.ENFILE: "Raise the machine's limit of open files.",
    errno.ENOMEM: "Free some memory.",
    errno.EAGAIN: "Raise the limit of processes (`ulimit -u`), or stop some.",
    errno.EIO: "Check the disk.",
}
REMINDER_INTERVAL: Final = 60.0  # seconds after which the same trouble is told again
MAX_SUMMARY_LENGTH: Final = 300  # characters
OUT_OF_ROOM: Final = ("No space left on device", "Disk quota exceeded")


class SystemFailure(PaperroundError):
    """The operating system refused something that was asked of it, such as a file or memory."""

    title = "The system refused"
    status = 503

    @classmethod
    def from_os_error(cls, error: OSError) -> SystemFailure:
        """Build the error from the system's words and the path that they are about."""
        reason = error.strerror or str(error) or type(error).__name__
        where = " and ".join(str(name) for name in (error.filename, error.filename2) if name is not None)
        return cls(
            f"{where}: {reason}." if where else f"The system refused a request: {reason}.",
            advice=ADVICE_BY_ERRNO.get(error.errno or 0, ""),
        )


def explain(error: BaseException) -> PaperroundError | None:
    """Return the error in words for the person who meets it. None means that it is a bug.

    A group of exceptions is explained by its first one, if all of them can be explained.
    """
    if isinstance(error, BaseExceptionGroup):
        explanations = [explain(part) for part in error.exceptions]
        return explanations[0] if all(explanations) else None
    if isinstance(error, PaperroundError):
        return error
    cause = find_driver_error(error)
    if cause is not None:
        return DatabaseUnavailable.from_driver(cause) if _is_outage(cause) else None
    if error.__cause__ is not None and find_driver_error(error.__cause__):  # libraries wrap these
        return explain(error.__cause__)
    if _is_pool_timeout(error):
        return DatabaseUnavailable("All connections to the database are in use.", advice="Try again.")
    if isinstance(error, MemoryError):
        return SystemFailure("There is not enough memory.", advice="Free some, or raise the limit.")
    return SystemFailure.from_os_error(error) if isinstance(error, OSError) else None


def _is_pool_timeout(error: BaseException) -> bool:
    """Tell whether SQLAlchemy's pool had no connection left. Not all processes load SQLAlchemy."""
    exceptions = sys.modules.get("sqlalchemy.exc")
    return exceptions is not None and isinstance(error, exceptions.TimeoutError)


def _is_outage(error: BaseException | None) -> bool:
    """Tell whether the database, its schema or its address is at fault, and not a statement of ours."""
    if isinstance(error, psycopg.errors.UndefinedTable | psycopg.errors.UndefinedColumn):
        return True
    if isinstance(error, psycopg.errors.UndefinedFunction | psycopg.errors.InsufficientPrivilege):
        return True
    if isinstance(error, psycopg.errors.FeatureNotSupported | psycopg.errors.UndefinedFile):
        return True  # an extension, or what a newer server has
    if isinstance(error, psycopg.errors.ReadOnlySqlTransaction | psycopg.InterfaceError):
        return True
    is_statement = isinstance(error, psycopg.Error) and error.sqlstate is not None
    return isinstance(error, psycopg.OperationalError) or (
        isinstance(error, psycopg.ProgrammingError) and not is_statement  # of the address
    )


def is_out_of_room(error: BaseException) -> bool:
    """Tell whether a full disk is behind the error."""
    return any(
        (isinstance(one, OSError) and one.errno in (errno.ENOSPC, errno.EDQUOT))
        or isinstance(one, psycopg.errors.DiskFull)
        or any(words in str(one) for words in OUT_OF_ROOM)
        for one in _chain(error)
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield the error, the parts of a group, and what they were raised from."""
    yield error
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            yield from _chain(part)
    driver_error = find_driver_error(error)
    cause = driver_error if driver_error not in (None, error) else error.__cause__
    if cause is not None:
        yield from _chain(cause)


class OutageFilter(logging.Filter):
    """Tells of trouble outside of the program in one line without a traceback, and once a minute."""

    def __init__(self) -> None:
        super().__init__()
        self._told_at: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        error = _find_error(record)
        reason = explain(error) if error is not None else None
        if reason is None:
            return True
        line, now = summarise(reason), time.monotonic()
        if now < self._told_at.get(line, -math.inf) + REMINDER_INTERVAL:
            return False
        self._told_at = {line: now, **{k: v for k, v in self._told_at.items() if now < v + REMINDER_INTERVAL}}
        record.exc_info = None
        if isinstance(record.msg, dict):  # an event of structlog
            record.msg = {**record.msg, "exc_info": None, "reason": line}
        else:
            record.msg, record.args = f"{record.getMessage().split(chr(10))[0]} {line}", ()
        return True


def _find_error(record: logging.LogRecord) -> BaseException | None:
    """Find the exception that a record of the standard library or of structlog is about."""
    value = record.msg.get("exc_info") if isinstance(record.msg, dict) else record.exc_info
    if value is True:
        return sys.exc_info()[1]
    return value[1] if isinstance(value, tuple) else value if isinstance(value, BaseException) else None


def summarise(error: PaperroundError) -> str:
    """Return the error in one line. A server's own log may follow in further ones."""
    return " ".join(error.detail.split())[:MAX_SUMMARY_LENGTH]
