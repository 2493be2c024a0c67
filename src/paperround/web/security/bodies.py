"""What the bodies of requests may be: their size, their encoding, and no NUL. It knows no route."""

from __future__ import annotations

import json
import re
from email.message import Message as MimeHeaders
from typing import Final

from fastapi import HTTPException, Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from paperround.errors import PaperroundError
from paperround.web import errors
from paperround.web.dependencies import BadRequest, settings_of, signer_of
from paperround.web.security import cookies

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
UPLOAD: Final = "multipart/form-data"
FORMS: Final = ("application/x-www-form-urlencoded", UPLOAD)
CHARSETS: Final = ("", "utf-8", "utf8", "us-ascii")
JSON_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
NUL: Final = "There is a NUL character in what was sent."
MAX_BODY_BYTES: Final = 1_000_000  # bytes
MAX_UPLOAD_BYTES: Final = 5_000_000
MAX_LIBRARY_BYTES: Final = 31_000_000  # of a signed-in browser, which may send a whole library
BODY_TOO_LARGE: Final = "That is too long. At most {} MB can be sent."


class EncodingNotSupported(PaperroundError):
    status = 415
    title = "Not UTF-8"


def parse_content_type(headers: Headers) -> tuple[str, str]:
    """Return the media type and the charset that the headers tell, in lower case. Either may be ''."""
    parsed = MimeHeaders()
    parsed["Content-Type"] = headers.get("content-type", "")
    charset = parsed.get_param("charset", "")
    media_type = headers.get("content-type", "").partition(";")[0]
    return media_type.strip().lower(), charset.strip().lower() if isinstance(charset, str) else "unknown"


def is_form(request: Request) -> bool:
    return parse_content_type(request.headers)[0] in FORMS


class BodyLimit:
    """A middleware that refuses a body over the limit. It does so at once where the length is declared."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        most = _find_limit(scope, headers)
        told = headers.get("content-length", "0")
        if not (told.isascii() and told.isdecimal()) or len(told) > 18 or int(told) > most:
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


def _find_limit(scope: Scope, headers: Headers) -> int:
    """Find how many bytes a body may have. Only what we signed ourselves makes it more."""
    if parse_content_type(headers)[0] != UPLOAD:
        return MAX_BODY_BYTES
    request = Request(scope)
    is_signed_in = cookies.read_session_token(request, signer_of(request), settings_of(request)) is not None
    return MAX_LIBRARY_BYTES if is_signed_in else MAX_UPLOAD_BYTES


async def require_plain_text(request: Request) -> None:
    """Refuse what is not UTF-8, and a NUL in the address or the body. PostgreSQL stores neither.

    Python decodes JSON in UTF-16 and forms in any charset that they name, even such as make half characters.
    """
    values = [*request.path_params.values(), *request.query_params.values()]
    if any("\0" in str(value) for value in values):
        raise BadRequest("There is a NUL character in the address.")
    if request.method in SAFE_METHODS:
        return
    if parse_content_type(request.headers)[1] not in CHARSETS:
        raise EncodingNotSupported("Send text in UTF-8.")
    if is_form(request):
        fields = (await request.form()).multi_items()
        if any("\0" in name or (isinstance(text, str) and "\0" in text) for name, text in fields):
            raise BadRequest(NUL)
        return
    body = await request.body()
    if not json.detect_encoding(body).startswith("utf-8"):
        raise EncodingNotSupported("Send JSON in UTF-8.")
    if JSON_NUL.search(body):
        raise BadRequest(NUL)
