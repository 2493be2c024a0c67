"""Middleware of every route: headers, HEAD, trailing slashes, unexpected errors. It knows no route."""

from __future__ import annotations

from typing import Final

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from paperround.web import errors
from paperround.web.security import cookies
from paperround.web.security.safe_redirect import keep_local

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": ", ".join(
        f"{feature}=()"
        for feature in (
            "accelerometer", "autoplay", "camera", "display-capture", "encrypted-media", "fullscreen",
            "geolocation", "gyroscope", "magnetometer", "microphone", "midi", "payment",
            "picture-in-picture", "publickey-credentials-get", "screen-wake-lock", "usb",
            "xr-spatial-tracking",
        )
    ),
}  # fmt: skip
# Where readers come over https, browsers never come back over http. Other names of the domain are not ours.
STRICT_TRANSPORT_SECURITY: Final = "max-age=31536000"


class SecurityHeaders:
    """A middleware whose headers forbid foreign resources, inline scripts, frames and devices."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if cookies.is_secure(scope["app"].state.settings):
                    headers["Strict-Transport-Security"] = STRICT_TRANSPORT_SECURITY
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


class TrailingSlash:
    """A middleware that redirects an address with a slash at its end to the one without, on whatever host.

    Starlette's own redirect repeats the host that the client told.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
            shorter = keep_local(path.rstrip("/"))
            if path.endswith("/") and shorter:
                query = scope["query_string"].decode("latin-1")
                response = RedirectResponse(f"{shorter}?{query}".rstrip("?"), 308)
                await response(scope, receive, send)
                return
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


class CacheControl:
    """A middleware that keeps readers' own pages out of shared caches, and renews the cookie.

    What a token or a key opened is kept by nobody, not even by the browser.
    """

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
        if "token" in scope.get("path_params", {}) or "authorization" in Headers(scope=scope):
            headers["cache-control"] = "no-store"
        elif state.get("visit"):
            headers.setdefault("cache-control", "private, no-cache")
        renewed = state.get("renewed")
        if renewed and "set-cookie" not in headers:
            given = Response()
            cookies.set_session_cookie(given, renewed, scope["app"].state.signer, scope["app"].state.settings)
            headers.append("set-cookie", given.headers["set-cookie"])
