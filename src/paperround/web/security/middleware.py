"""The one layer around all routes: what a request has to be, and what every answer gets. It knows no route.

Refusals come in this order: another host, an address that ends in a slash, a body that is too large, a form
of another site.
"""

from __future__ import annotations

from typing import Final

from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from paperround.i18n.languages import using_language
from paperround.logs import REQUEST_ID
from paperround.web import errors
from paperround.web.instrumentation import measured
from paperround.web.language import find_language
from paperround.web.security import cookies, key_limits
from paperround.web.security.bodies import bound_body, refuse_body
from paperround.web.security.compression import COMPRESSION_LEVEL, MIN_COMPRESSED_SIZE
from paperround.web.security.csrf import refuse_cross_site
from paperround.web.security.hosts import HostGuard
from paperround.web.security.request_ids import HEADER, choose_request_id
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


class Gate:
    """The middleware. HEAD is answered like GET, without the body; FastAPI's own routes would refuse it.

    Anonymous answers are compressed. The size of a compressed answer that holds both a secret and words from
    the address would reveal the secret (BREACH), so those to requests with a cookie are not. An error that no
    handler knows is answered here: Starlette's own handler stands outside of every middleware, so its answer
    lacks our headers, and it raises the error again, which logs it twice and cuts the connection.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._compressing = GZipMiddleware(app, MIN_COMPRESSED_SIZE, COMPRESSION_LEVEL)
        self._hosts = HostGuard()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope.setdefault("state", {})
        told = Request({**scope, "method": "GET"} if scope["method"] == "HEAD" else scope)
        request_id = choose_request_id(told)
        outgoing = Outgoing(told, send, request_id, has_body=scope["method"] != "HEAD")
        cookie, preferred = (told.headers.get(name, "") for name in ("cookie", "accept-language"))
        language = find_language(scope["path"], cookie, preferred)
        with (
            bound_contextvars(**{REQUEST_ID: request_id}),
            measured(told, scope["method"], outgoing),
            using_language(language),
        ):
            await self._answer(told, receive, outgoing)

    async def _answer(self, request: Request, receive: Receive, outgoing: Outgoing) -> None:
        refusal = (
            await self._hosts.refuse(request)
            or _redirect_slash(request)
            or await refuse_body(request)
            or await refuse_cross_site(request)
        )
        if refusal is not None:
            await refusal(request.scope, receive, outgoing.send)
            return
        app = self._app if "cookie" in request.headers else self._compressing
        try:
            await app(request.scope, bound_body(request, receive), outgoing.send)
        except Exception as error:
            if outgoing.status is not None:
                raise
            response = await errors.handle_unexpected(request, error)
            await response(request.scope, receive, outgoing.send)


class Outgoing:
    """The answer of one request on its way out. `status` is None until it begins."""

    def __init__(self, request: Request, send: Send, request_id: str, *, has_body: bool) -> None:
        self.status: int | None = None
        self._request, self._send, self._request_id, self._has_body = request, send, request_id, has_body

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._add_headers(MutableHeaders(scope=message))
        elif message["type"] == "http.response.body" and not self._has_body:
            message = {**message, "body": b""}
        await self._send(message)

    def _add_headers(self, headers: MutableHeaders) -> None:
        _mark_for_caches(self._request, headers)
        key_limits.add_headers(self._request.scope["state"], headers)
        for name, value in HEADERS.items():
            headers.setdefault(name, value)
        if cookies.is_secure(self._request.app.state.settings):
            headers["Strict-Transport-Security"] = STRICT_TRANSPORT_SECURITY
        headers[HEADER] = self._request_id


def _mark_for_caches(request: Request, headers: MutableHeaders) -> None:
    """Keep readers' own pages out of shared caches, and renew the cookie.

    What a token or a key opened is kept by nobody, not even by the browser.
    """
    state = request.scope["state"]
    if headers.get("content-type", "").startswith("text/html"):
        headers.add_vary_header("Cookie")
        headers.add_vary_header("Accept-Language")
    if "token" in request.scope.get("path_params", {}) or "authorization" in request.headers:
        headers["cache-control"] = "no-store"
    elif state.get("visit"):
        headers.setdefault("cache-control", "private, no-cache")
    renewed = state.get("renewed")
    if renewed and "set-cookie" not in headers:
        given = Response()
        cookies.set_session_cookie(given, renewed, request.app.state.signer, request.app.state.settings)
        headers.append("set-cookie", given.headers["set-cookie"])


def _redirect_slash(request: Request) -> Response | None:
    """Redirect an address with a slash at its end to the one without, on whatever host.

    Starlette's own redirect repeats the host that the client told.
    """
    scope = request.scope
    path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
    shorter = keep_local(path.rstrip("/")) if path.endswith("/") else ""
    query = scope["query_string"].decode("latin-1")
    return RedirectResponse(f"{shorter}?{query}".rstrip("?"), 308) if shorter else None
