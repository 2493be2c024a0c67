"""Turns errors into responses: pages for people, problem+json (RFC 9457) for programs. Never a traceback."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from psycopg.errors import QueryCanceled
from pydantic import BaseModel
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.routing import Match, Mount

from paperround.accounts.sign_in import LinkInvalid
from paperround.database import utc_now
from paperround.errors import PaperroundError
from paperround.i18n.messages import find_message, mark_message
from paperround.security_events import SecurityEvent
from paperround.text.plain import to_plain_text
from paperround.web.dependencies import Forbidden, SignInNeeded, load_visit, render_page
from paperround.web.negotiation import is_for_people
from paperround.web.security.events import record_event

logger = structlog.get_logger(__name__)


PROBLEM: Final = "application/problem+json"


class Problem(BaseModel):
    """The body of an error (RFC 9457). `error` repeats `detail` for clients of the hub."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    error: str


DOCUMENTED: Final[dict[int | str, dict[str, Any]]] = {
    "default": {
        "description": "What went wrong, as RFC 9457 has it.",
        "content": {PROBLEM: {"schema": Problem.model_json_schema()}},
    }
}
SENTENCES: Final = {
    404: mark_message("There is no such page."),
    405: mark_message("This address doesn’t accept that."),
    500: mark_message("This is a fault of ours. It has been logged."),
    503: mark_message("The database can’t be reached right now. Try again in a moment."),
}
TOO_SLOW: Final = mark_message(
    "This took the database too long. Narrow the request, or try again in a minute."
)
PHRASES: Final = {
    400: mark_message("Not understood"),
    404: mark_message("Not found"),
    405: mark_message("Not allowed"),
    500: mark_message("Internal server error"),
    503: mark_message("Service unavailable"),
}
METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
MAX_FAULTS: Final = 5
MAX_FAULT_LENGTH: Final = 200  # characters: a fault names the field, whose name came with the request


def install_handlers(app: FastAPI) -> None:
    handlers: dict[type[Exception], Any] = {
        PaperroundError: _handle_paperround_error,
        SignInNeeded: _handle_sign_in_needed,
        RequestValidationError: _handle_invalid,
        HTTPException: _handle_http,
        OperationalError: _handle_no_database,
        PoolTimeout: _handle_no_database,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)


async def build_error_response(
    request: Request, status: int, detail: str, title: str | None = None, *, submit: str | None = None
) -> Response:
    """Build the answer. `title` and a `detail` without values may still be to be translated."""
    named = find_message(title or PHRASES.get(status) or HTTPStatus(status).phrase.capitalize())
    detail = find_message(detail)
    if not is_for_people(request.url.path):
        return build_problem(status, named, detail)
    return await render_page(
        request, None, "error.html", status=status, title=named, detail=detail, code=status, submit=submit
    )


def build_problem(status: int, title: str, detail: str) -> JSONResponse:
    """Build the body. `error` repeats the detail, because the hub's client shows nothing else."""
    content = {"type": "about:blank", "title": title, "status": status, "detail": detail, "error": detail}
    return JSONResponse(content, status_code=status, media_type=PROBLEM)


async def _handle_paperround_error(request: Request, error: PaperroundError) -> Response:
    """Answer with the error's own status, title and advice.

    What is not the client's fault is logged, unless it is told when to come back: that is no fault.
    """
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR and "Retry-After" not in error.headers:
        return await handle_unexpected(request, error)
    _record_refusal(request, error)
    response = await build_error_response(
        request, error.status, write_detail(error), error.title, submit=getattr(error, "submittable_id", None)
    )
    response.headers.update(error.headers)
    return response


def write_detail(error: PaperroundError) -> str:
    """Write what an error says and advises, in the language in use."""
    return f"{error} {find_message(error.advice)}".strip()


def _record_refusal(request: Request, error: PaperroundError) -> None:
    """Log what may be an attempt to get in."""
    has_key = "authorization" in request.headers
    if isinstance(error, LinkInvalid):
        record_event(request, SecurityEvent.link_refused)
    elif isinstance(error, SignInNeeded | Forbidden) and has_key:
        record_event(request, SecurityEvent.key_refused)
    elif isinstance(error, Forbidden):
        record_event(request, SecurityEvent.form_refused)


async def _handle_sign_in_needed(request: Request, error: SignInNeeded) -> Response:
    if not is_for_people(request.url.path):
        return await _handle_paperround_error(request, error)
    shown = urlsplit(str(request.url) if request.method == "GET" else request.headers.get("referer", ""))
    wanted = f"{shown.path}?{shown.query}".rstrip("?")  # the page itself, or the one with the form
    return RedirectResponse(f"{error.page}?{urlencode({'next': wanted})}" if wanted else error.page, 303)


async def _handle_invalid(request: Request, error: RequestValidationError) -> Response:
    faults = "; ".join(map(_describe_fault, error.errors()[:MAX_FAULTS]))
    return await build_error_response(
        request, 422 if request.method == "POST" else 400, faults, mark_message("Not understood")
    )


def _describe_fault(fault: Mapping[str, Any]) -> str:
    place = to_plain_text(".".join(map(str, fault["loc"][1:])))
    return f"{place[:MAX_FAULT_LENGTH]}: {fault['msg'][:MAX_FAULT_LENGTH]}"


async def _handle_http(request: Request, error: HTTPException) -> Response:
    if error.status_code == HTTPStatus.NOT_FOUND and is_for_people(
        request.url.path
    ):  # no route has asked who looks
        with suppress(OperationalError, PoolTimeout):
            await load_visit(request, utc_now())
    response = await build_error_response(
        request, error.status_code, SENTENCES.get(error.status_code, str(error.detail))
    )
    response.headers.update(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        response.headers["Allow"] = _list_allowed_methods(request, response.headers.get("allow", ""))
    return response


def _list_allowed_methods(request: Request, known: str) -> str:
    """List the methods of all routes at this address. Starlette tells those of the first alone: `known`."""
    allowed = {method.strip() for method in known.split(",") if method.strip()}
    for method in METHODS:
        scope = {**request.scope, "method": method}
        routes = (route for route in request.app.router.routes if not isinstance(route, Mount))
        if any(route.matches(scope)[0] is Match.FULL for route in routes):
            allowed.add(method)
    return ", ".join(sorted(allowed | {"HEAD"} if "GET" in allowed else allowed))


async def _handle_no_database(request: Request, error: Exception) -> Response:
    if isinstance(error, DBAPIError) and isinstance(error.orig, QueryCanceled):
        return await _handle_too_slow(request)
    cause = error.__cause__ if isinstance(error, DBAPIError) else error
    logger.warning("no database", path=request.url.path, error=str(cause))
    response = await build_error_response(request, 503, SENTENCES[503])
    response.headers["Retry-After"] = "5"
    return response


async def _handle_too_slow(request: Request) -> Response:
    """Answer a request whose statement took longer than web sessions allow."""
    logger.warning("statement timeout", path=request.url.path)
    response = await build_error_response(request, 503, TOO_SLOW, mark_message("Took too long"))
    response.headers["Retry-After"] = "60"
    return response


async def handle_unexpected(request: Request, error: Exception) -> Response:
    logger.error("unexpected error", path=request.url.path, exc_info=error)
    return await build_error_response(request, 500, SENTENCES[500])
