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
# Who sends one of these may get an answer of their own, or sends more than an address.
PERSONAL: Final = frozenset({b"authorization", b"content-length", b"transfer-encoding"})
SINGLE: Final = frozenset(
    {
        b"host",
        b"accept",
        b"accept-encoding",
        b"accept-language",
        b"cookie",
        b"if-none-match",
        b"if-modified-since",
    }
)
# Told to what counts, limits and logs requests; no page shows them.
TRACED: Final = frozenset({b"x-forwarded-for", b"forwarded", b"x-request-id", b"traceparent"})


class AnswerRequest(NamedTuple):
    """The normal form: all that an answer depends on, besides the catalogue and the minute."""

    path: str
    query: bytes
    language: str


class ClientRequest(NamedTuple):
    """A request that anybody's answer fits, with the form in which the client wants it."""

    request: AnswerRequest
    headers: dict[bytes, bytes]

    @property
    def host(self) -> bytes:
        return self.headers.get(b"host", b"")

    @property
    def accepts_gzip(self) -> bool:
        return accepts_gzip(self.headers.get(b"accept-encoding", b"").decode("latin-1"))


def read_request(scope: Scope) -> ClientRequest | None:
    """Read a request, or return None if it must go its own way."""
    if scope["method"] not in ("GET", "HEAD"):
        return None
    headers: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        if name in PERSONAL or (name in SINGLE and name in headers):
            return None
        headers[name] = value
    path, query = scope["path"], scope["query_string"]
    if len(query) > MAX_QUERY_LENGTH or b"%00" in query or not _is_public(path):
        return None
    accept = headers.get(b"accept", b"")
    if b"markdown" in accept and path.startswith("/papers/") and prefers_markdown(accept.decode("latin-1")):
        return None  # a redirect
    cookie = headers[b"cookie"].decode("latin-1") if b"cookie" in headers else None
    if cookie is not None and not is_language_cookie(cookie):
        return None
    language = find_language(path, cookie or "", headers.get(b"accept-language", b"").decode("latin-1"))
    return ClientRequest(AnswerRequest(path, _keep_known(query) if query else b"", language), headers)


@lru_cache(maxsize=4096)
def _is_public(path: str) -> bool:
    return len(path) <= MAX_PATH_LENGTH and not path.endswith("/") and PATHS.fullmatch(path) is not None


@lru_cache(maxsize=1024)
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
