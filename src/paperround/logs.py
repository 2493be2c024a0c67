"""Configures log lines: readable on a terminal, JSON elsewhere."""

from __future__ import annotations

import logging
import sys
from typing import Final

import structlog

from paperround.failures import OutageFilter
from paperround.settings import Settings

REQUEST_ID: Final = "request_id"  # of the HTTP request that a line, or a job, comes from


def configure(settings: Settings, process: str) -> None:
    """Send everything that this process logs, ours and the libraries', to stderr in one form."""
    text = settings.log_format == "text" or (settings.log_format == "auto" and sys.stderr.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    finish: list[structlog.typing.Processor] = (
        # rich's tracebacks, the default, show variables (a request's headers) and take seconds to draw.
        [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
        if text
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *finish],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    handler.addFilter(OutageFilter())
    logging.raiseExceptions = False  # a log on a full disk loses lines; that is no reason for tracebacks
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    quieten_libraries()
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(process=process)


def quieten_libraries() -> None:
    """Have libraries log what is worth a line here, and no addresses of requests."""
    for noisy in ("httpx", "apscheduler", "procrastinate", "alembic", "uvicorn", "sentence_transformers"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # It logs a traceback for each tick that it cancels when it stops; the ticks themselves are tasks of ours.
    logging.getLogger("apscheduler.executors").setLevel(logging.CRITICAL)
    for retrying in ("stamina", "psycopg.pool"):
        logging.getLogger(retrying).setLevel(logging.ERROR)  # what is tried again is told by who gives up


def current_request_id() -> str | None:
    """Return the id of the request that is being answered, or that added the job that is running."""
    request_id: str | None = structlog.contextvars.get_contextvars().get(REQUEST_ID)
    return request_id
