"""Trouble outside of the program is told in one line, and everything else is a bug."""

from __future__ import annotations

import errno
import io
import logging

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from paperround.errors import PaperroundError
from paperround.failures import OutageFilter, explain, is_out_of_room


def from_statement(cause: Exception) -> DBAPIError:
    return DBAPIError("SELECT 1", {}, cause)


def wrapped(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


OUTAGES = [
    OSError(errno.ENOSPC, "No space left on device", "/data/x"),
    PermissionError(errno.EACCES, "Permission denied", "/data/x"),
    OSError("it is gone"),
    TimeoutError(),
    MemoryError(),
    PoolTimeout(),
    psycopg.OperationalError("connection refused"),
    OperationalError("SELECT 1", {}, psycopg.OperationalError("server closed the connection")),
    OperationalError("SELECT 1", {}, psycopg.errors.DiskFull("no space")),
    ProgrammingError("SELECT 1", {}, psycopg.errors.UndefinedTable("no such table")),
    from_statement(psycopg.InterfaceError("the connection is closed")),
    from_statement(psycopg.ProgrammingError("invalid connection option")),
    from_statement(psycopg.errors.ReadOnlySqlTransaction("cannot execute INSERT")),
    from_statement(psycopg.errors.InsufficientPrivilege("permission denied for table papers")),
    wrapped(RuntimeError("a library's own"), psycopg.OperationalError("connection refused")),
    PaperroundError("No."),
    ExceptionGroup("two", [OSError(errno.EIO, "I/O error"), PaperroundError("No.")]),
]
BUGS = [
    ValueError("no number"),
    KeyError("x"),
    from_statement(psycopg.errors.SyntaxError("syntax error at SELCT")),
    from_statement(psycopg.errors.UniqueViolation("twice")),
    wrapped(RuntimeError("ours"), ValueError("no number")),
    ExceptionGroup("two", [OSError(errno.EIO, "I/O error"), ValueError("no number")]),
]


@pytest.mark.parametrize("error", OUTAGES, ids=repr)
def test_what_lies_outside_of_the_program_is_explained(error: Exception) -> None:
    explanation = explain(error)
    assert explanation is not None
    assert explanation.detail.endswith(".")


@pytest.mark.parametrize("error", BUGS, ids=repr)
def test_the_rest_is_a_bug(error: Exception) -> None:
    assert explain(error) is None


def test_a_missing_table_is_a_matter_of_the_schema_and_not_of_the_address() -> None:
    explanation = explain(from_statement(psycopg.errors.UndefinedTable("no such table")))
    assert explanation is not None
    assert "paperround db upgrade" in explanation.detail
    assert "DATABASE_URL" not in explanation.detail


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        from_statement(psycopg.errors.DiskFull("full")),
        PaperroundError("PostgreSQL did not start. Its log ends with: No space left on device"),
        wrapped(PaperroundError("No."), OSError(errno.ENOSPC, "full")),
        ExceptionGroup("one", [OSError(errno.ENOSPC, "full")]),
    ],
    ids=repr,
)
def test_a_full_disk_is_recognised_behind_whatever_it_broke(error: Exception) -> None:
    assert is_out_of_room(error)
    assert not is_out_of_room(OSError(errno.EACCES, "Permission denied"))


@pytest.fixture
def log() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def logger(log: io.StringIO) -> logging.Logger:
    handler = logging.StreamHandler(log)
    handler.addFilter(OutageFilter())
    logger = logging.Logger("outages")
    logger.addHandler(handler)
    return logger


def log_exception(logger: logging.Logger, error: Exception) -> None:
    logger.error("it failed", exc_info=error)


def test_an_outage_is_one_line_of_the_log_without_a_traceback_and_is_not_repeated(
    logger: logging.Logger, log: io.StringIO
) -> None:
    for _ in range(3):
        log_exception(logger, OSError(errno.ENOSPC, "No space left on device", "/data"))
    log_exception(logger, psycopg.OperationalError("connection refused"))
    lines = log.getvalue().splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("it failed /data: No space left on device.")
    assert "connection refused" in lines[1]


def test_a_bug_keeps_its_traceback_in_the_log(logger: logging.Logger, log: io.StringIO) -> None:
    for _ in range(2):
        log_exception(logger, ValueError("no number"))
    assert log.getvalue().count("ValueError: no number") == 2
