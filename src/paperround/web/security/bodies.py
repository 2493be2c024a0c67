"""What the bodies of requests may be: their size, their encoding, and no NUL. It knows no route."""

from __future__ import annotations

import json
import re
from email.message import Message as MimeHeaders
from typing import Final

from fastapi import HTTPException, Request
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Message, Receive

from paperround.errors import PaperroundError
from paperround.i18n.messages import gettext as _
from paperround.i18n.messages import mark_message
from paperround.web import errors
from paperround.web.dependencies import BadRequest, settings_of, signer_of
from paperround.web.security import cookies

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
UPLOAD: Final = "multipart/form-data"
FORMS: Final = ("application/x-www-form-urlencoded", UPLOAD)
CHARSETS: Final = ("", "utf-8", "utf8", "us-ascii")
JSON_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
NUL: Final = mark_message("There is a NUL character in what was sent.")
MAX_BODY_BYTES: Final = 1_000_000  # bytes
MAX_UPLOAD_BYTES: Final = 5_000_000
MAX_LENGTH_DIGITS: Final = 18
MAX_LIBRARY_BYTES: Final = 31_000_000  # of a signed-in browser, which may send a whole library
BODY_TOO_LARGE: Final = mark_message("That is too large. At most %(megabytes)s MB can be sent.")


class EncodingNotSupported(PaperroundError):
    status = 415
    title = mark_message("Not UTF-8")


def parse_content_type(headers: Headers) -> tuple[str, str]:
    """Return the media type and the charset that the headers tell, in lower case. Either may be ''."""
    parsed = MimeHeaders()
    parsed["Content-Type"] = headers.get("content-type", "")
    charset = parsed.get_param("charset", "")
    media_type = headers.get("content-type", "").partition(";")[0]
    return media_type.strip().lower(), charset.strip().lower() if isinstance(charset, str) else "unknown"


def is_form(request: Request) -> bool:
    return parse_content_type(request.headers)[0] in FORMS


async def refuse_body(request: Request) -> Response | None:
    """Refuse a body whose declared length is over the limit, or is none."""
    most, told = _find_limit(request), request.headers.get("content-length", "0")
    if told.isascii() and told.isdecimal() and len(told) <= MAX_LENGTH_DIGITS and int(told) <= most:
        return None
    return await errors.build_error_response(request, 413, _(BODY_TOO_LARGE, megabytes=most // 1_000_000))


def bound_body(request: Request, receive: Receive) -> Receive:
    """Wrap `receive` so that it raises an error once more has come than a body may have."""
    came = 0

    async def counting() -> Message:
        nonlocal came
        message = await receive()
        came += len(message.get("body", b""))
        if came > MAX_BODY_BYTES and came > (most := _find_limit(request)):
            raise HTTPException(413, _(BODY_TOO_LARGE, megabytes=most // 1_000_000))
        return message

    return counting


def _find_limit(request: Request) -> int:
    """Find how many bytes a body may have. Only what we signed ourselves makes it more."""
    if parse_content_type(request.headers)[0] != UPLOAD:
        return MAX_BODY_BYTES
    is_signed_in = cookies.read_session_token(request, signer_of(request), settings_of(request)) is not None
    return MAX_LIBRARY_BYTES if is_signed_in else MAX_UPLOAD_BYTES


async def require_plain_text(request: Request) -> None:
    """Refuse what is not UTF-8, and a NUL in the address or the body. PostgreSQL stores neither.

    Python decodes JSON in UTF-16 and forms in any charset that they name, even such as make half characters.
    """
    values = [*request.path_params.values(), *request.query_params.values()]
    if any("\0" in str(value) for value in values):
        raise BadRequest(_("There is a NUL character in the address."))
    if request.method in SAFE_METHODS:
        return
    if parse_content_type(request.headers)[1] not in CHARSETS:
        raise EncodingNotSupported(_("Send text in UTF-8."))
    if is_form(request):
        fields = (await request.form()).multi_items()
        if any("\0" in name or (isinstance(text, str) and "\0" in text) for name, text in fields):
            raise BadRequest(_(NUL))
        return
    body = await request.body()
    if not json.detect_encoding(body).startswith("utf-8"):
        raise EncodingNotSupported(_("Send JSON in UTF-8."))
    if JSON_NUL.search(body):
        raise BadRequest(_(NUL))
