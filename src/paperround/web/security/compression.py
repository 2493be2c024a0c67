"""Compresses responses. A page of papers is text, and shrinks to a third."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

MIN_COMPRESSED_SIZE = 1000  # bytes; less doesn't shrink enough to be worth it
COMPRESSION_LEVEL = 4  # the next takes half as much time again for a thirtieth of the bytes


class AnonymousCompression:
    """Gzip for requests without a cookie.

    The size of a compressed response that holds both a secret and words from the address would reveal the
    secret (BREACH), so responses to requests with a cookie are not compressed.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.plain = app
        self.small = GZipMiddleware(app, minimum_size=MIN_COMPRESSED_SIZE, compresslevel=COMPRESSION_LEVEL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        secret = scope["type"] == "http" and "cookie" in Headers(scope=scope)
        await (self.plain if secret else self.small)(scope, receive, send)
