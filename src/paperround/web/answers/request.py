"""Tells which requests anybody's answer fits, and brings them into a normal form. It knows no route.

Whatever may change an answer is in the normal form, and the answer is rendered from the normal form alone.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import quote, unquote_plus

from starlette.types import Scope

from paperround.web.language import find_language, is_language_cookie
from paperround.web.negotiation import accepts_gzip, prefers_markdown
from paperround.web.security.request_ids import HEADER

# Papers and lists of them, in every form. A `key` or a token opens none of these.
PATHS: Final = re.compile(
    r"/papers(?:/[^\x00-\x1f\x7f]+)?|/(?:authors|organizations|venues)/[^\x00-\x1f\x7f]+|/about|/map|/status|/subscribe"
    r"|/docs"
    r"|/openapi\.json|/api/v1/(?:search|feeds|papers(?:/[^\x00-\x1f\x7f]+)?)"
    r"|/api/daily_papers|/api/papers(?:/[^\x00-\x1f\x7f]+)?"
    r"|/feeds/(?:daily|trending|search)\.(?:atom|json)|/sitemap\.xml|/sitemap/[0-9-]+\.xml|/robots\.txt"
)
# Of the routes at these paths. Others, such as an advertiser's click numbers, no route gets to see.
PARAMETERS: Final = frozenset(
    {
        "after", "category", "cursor", "date", "day", "feed", "from", "has_code", "limit", "min_upvotes",
        "month", "order", "organization", "p", "q", "sort", "submitter", "to", "topic", "week",
    }
)  # fmt: skip
MAX_PATH_LENGTH: Final = 300  # characters
MAX_QUERY_LENGTH: Final = 2_000  # bytes
REQUEST_ID: Final = HEADER.lower().encode()
ANY_ID: Final = (REQUEST_ID, b"")
# Who sends one of these may get an answer of their own, or sends more than an address.
PERSONAL: Final = frozenset({b"authorization", b"content-length", b"transfer-encoding"})
TOLD: Final = frozenset(
    {
        b"host",
        b"accept",
        b"accept-encoding",
        b"accept-language",
        b"cookie",
        b"if-none-match",
        b"if-modified-since",
        REQUEST_ID,
    }
)
HEARD: Final = PERSONAL | TOLD
MAX_VALUE_LENGTH: Final = 500  # bytes of one of them
REMEMBERED: Final = 1024  # requests, of which each takes some hundred bytes
# Told to what counts, limits and logs requests; no page shows them.
TRACED: Final = frozenset({b"x-forwarded-for", b"forwarded", REQUEST_ID, b"traceparent"})


class AnswerRequest(NamedTuple):
    """The normal form: all that an answer depends on, besides the catalogue and the minute."""

    path: str
    query: bytes
    language: str


class ClientRequest(NamedTuple):
    """A request that anybody's answer fits, with the form in which the client wants it.

    `etags` is what it says of the versions that it has (`If-None-Match`), `since` of their time. `has_id`
    tells that it came with an id, which may count.
    """

    request: AnswerRequest
    host: bytes
    accepts_gzip: bool
    etags: str | None
    since: str | None
    has_id: bool


def read_request(scope: Scope) -> ClientRequest | None:
    """Read a request, or return None if it must go its own way.

    Clients say the same again and again, so what was made of it is remembered, by the headers that matter.
    """
    told = []
    for header in scope["headers"]:
        name, value = header
        if name in HEARD:
            if name in PERSONAL or len(value) > MAX_VALUE_LENGTH:
                return None
            if name == b"cookie" and not is_language_cookie(value.decode("latin-1")):
                return None
            told.append(header if name != REQUEST_ID else ANY_ID)
    path, query = scope["path"], scope["query_string"]
    is_long = len(path) > MAX_PATH_LENGTH or len(query) > MAX_QUERY_LENGTH or len(told) > len(TOLD)
    if is_long or scope["method"] not in ("GET", "HEAD"):
        return None
    return _understand(path, query, tuple(told))


@lru_cache(REMEMBERED)
def _understand(path: str, query: bytes, told: tuple[tuple[bytes, bytes], ...]) -> ClientRequest | None:
    if b"%00" in query or path.endswith("/") or not PATHS.fullmatch(path):
        return None
    headers = {name: value.decode("latin-1") for name, value in told}
    if len(headers) < len(told):
        return None  # one of them twice
    accept = headers.get(b"accept", "")
    if "markdown" in accept and path.startswith("/papers/") and prefers_markdown(accept):
        return None  # a redirect
    language = find_language(path, headers.get(b"cookie", ""), headers.get(b"accept-language", ""))
    return ClientRequest(
        AnswerRequest(path, _keep_known(query), language),
        host=headers.get(b"host", "").encode("latin-1"),
        accepts_gzip=accepts_gzip(headers.get(b"accept-encoding", "")),
        etags=headers.get(b"if-none-match"),
        since=headers.get(b"if-modified-since"),
        has_id=REQUEST_ID in headers,
    )


def _keep_known(query: bytes) -> bytes:
    """Leave out the parameters that no route knows. The others stay as they were sent, in their order."""
    pieces = query.split(b"&")
    return b"&".join(p for p in pieces if unquote_plus(p.partition(b"=")[0].decode("latin-1")) in PARAMETERS)


def build_scope(scope: Scope, request: AnswerRequest, host: bytes) -> Scope:
    """Build the scope that an answer is rendered from. It tells nothing that a client said."""
    headers = [
        (b"host", host),
        (b"accept", b"*/*"),
        (b"accept-language", request.language.encode()),
        *((name, value) for name, value in scope["headers"] if name in TRACED),
    ]
    return {
        **scope,
        "method": "GET",
        "path": request.path,
        "raw_path": quote(request.path).encode(),
        "query_string": request.query,
        "headers": headers,
        "state": dict(scope.get("state", {})),
    }
