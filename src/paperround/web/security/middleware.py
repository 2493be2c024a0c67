"""Middleware of every route: headers, HEAD, unexpected errors, and the size of bodies. It knows no route."""

from __future__ import annotations

import re
from typing import Final

from fastapi import HTTPException, Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from paperround.web import errors
from paperround.web.dependencies import BadRequest
from paperround.web.security import cookies

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
FORMS: Final = ("application/x-www-form-urlencoded", "multipart/form-data")
JSON_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
NUL: Final = "There is a NUL character in what was sent."
MAX_BODY_BYTES: Final = 1_000_000  # bytes
MAX_UPLOAD_BYTES: Final = 5_000_000
BODY_TOO_LARGE: Final = "That is too long. At most {} MB can be sent."

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class SecurityHeaders:
    """A middleware whose headers forbid foreign resources, inline scripts and frames."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, with_headers if scope["type"] == "http" else send)


class HeadAsGet:
    """A middleware that answers HEAD like GET, without the body. FastAPI's own routes would refuse it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def without_body(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        if scope["type"] == "http" and scope["method"] == "HEAD":
            await self.app({**scope, "method": "GET"}, receive, without_body)
        else:
            await self.app(scope, receive, send)


class UnexpectedErrors:
    """A middleware that answers errors which no handler knows.

    Starlette's own handler stands outside of every middleware, so its response lacks our headers. It also
    raises the error again, which logs it twice and cuts the connection.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def noting(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, noting)
        except Exception as error:
            if started or scope["type"] != "http":
                raise
            response = await errors.handle_unexpected(Request(scope), error)
            await response(scope, receive, send)


class BodyLimit:
    """A middleware that refuses a body over the limit. It does so at once where the length is declared."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        upload = headers.get("content-type", "").startswith("multipart/form-data")
        most = MAX_UPLOAD_BYTES if upload else MAX_BODY_BYTES
        told = headers.get("content-length", "0")
        if not told.isdecimal() or int(told) > most:
            response = await errors.build_error_response(
                Request(scope), 413, BODY_TOO_LARGE.format(most // 1_000_000)
            )
            await response(scope, receive, send)
            return
        came = 0

        async def counting() -> Message:
            nonlocal came
            message = await receive()
            came += len(message.get("body", b""))
            if came > most:
                raise HTTPException(413, BODY_TOO_LARGE.format(most // 1_000_000))
            return message

        await self.app(scope, counting, send)


class CacheControl:
    """A middleware that keeps readers' own pages out of shared caches, and renews the cookie."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._mark(scope, MutableHeaders(scope=message))
            await send(message)

        await self.app(scope, receive, with_headers if scope["type"] == "http" else send)

    def _mark(self, scope: Scope, headers: MutableHeaders) -> None:
        state = scope["state"]
        if headers.get("content-type", "").startswith("text/html"):
            headers.add_vary_header("Cookie")
        if state.get("visit"):
            headers.setdefault("cache-control", "private, no-cache")
        renewed = state.get("renewed")
        if renewed and "set-cookie" not in headers:
            given = Response()
            cookies.set_session_cookie(given, renewed, scope["app"].state.signer, scope["app"].state.settings)
            headers.append("set-cookie", given.headers["set-cookie"])


async def reject_nul(request: Request) -> None:
    """Refuse a NUL in the address or a form. PostgreSQL stores none, and psycopg would raise."""
    values = [*request.path_params.values(), *request.query_params.values()]
    if any("\0" in str(value) for value in values):
        raise BadRequest("There is a NUL character in the address.")
    if request.method in SAFE_METHODS:
        return
    if is_form(request):
        fields = (await request.form()).multi_items()
        if any("\0" in name or (isinstance(text, str) and "\0" in text) for name, text in fields):
            raise BadRequest(NUL)
    elif JSON_NUL.search(await request.body()):
        raise BadRequest(NUL)


def is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").startswith(FORMS)
