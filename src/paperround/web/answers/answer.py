"""An answer as bytes: its heads, its body and who gets them in which form. It knows no route and no cache."""

from __future__ import annotations

import gzip
import hashlib
from datetime import datetime
from typing import Final, NamedTuple

from starlette.types import Message

from paperround import metrics
from paperround.metrics import DurationHistogram
from paperround.papers.versions import Version
from paperround.text.http_date import parse_http_date
from paperround.web.answers.request import ClientRequest
from paperround.web.negotiation import is_known
from paperround.web.security.compression import COMPRESSION_LEVEL, MIN_COMPRESSED_SIZE

HeaderList = list[tuple[bytes, bytes]]
HEAD_SIZE: Final = 4_000  # bytes that an answer takes besides its bodies
OF_THE_BODY: Final = frozenset({b"content-type", b"content-disposition"})
ON_EACH_REQUEST: Final = frozenset({b"x-request-id", b"content-length"})
# Browsers and proxies may keep it, and ask each time whether it is still so.
ASK_AGAIN: Final = b"no-cache"


class Reply(NamedTuple):
    status: int
    headers: HeaderList
    body: bytes


class Answer:
    """A whole answer with status 200, for any client.

    `version` is the catalogue's, `expires_at` a time of `time.monotonic`, `route` a template of addresses.
    `is_costly` tells that each request for it counts (`security/costs.py`).
    """

    def __init__(
        self,
        headers: HeaderList,
        body: bytes,
        *,
        version: Version | None,
        expires_at: float,
        route: str,
        is_costly: bool,
    ) -> None:
        self.version, self.expires_at, self.route, self.is_costly = version, expires_at, route, is_costly
        given = dict(headers)
        etag = given.get(b"etag") or b'W/"' + hashlib.sha256(body).hexdigest()[:32].encode() + b'"'
        shared = [pair for pair in headers if pair[0] not in {*ON_EACH_REQUEST, b"etag", b"vary"}]
        shared += [(b"etag", etag), (b"vary", _add_to_list(given.get(b"vary", b""), b"Accept-Encoding"))]
        if b"cache-control" not in given:
            shared.append((b"cache-control", ASK_AGAIN))
        self._etag = etag.decode("latin-1")
        self._modified = _parse_time(given.get(b"last-modified", b""))
        self._known = Reply(304, [pair for pair in shared if pair[0] not in OF_THE_BODY], b"")
        self._shared = shared
        self._plain = Reply(200, [*shared, _length(body)], body)
        self._packed: Reply | None = None
        self._is_packable = len(body) >= MIN_COMPRESSED_SIZE
        self._durations: dict[tuple[str, int], DurationHistogram] = {}

    def __len__(self) -> int:
        """The bytes that it takes, with the compressed body whether it is made yet or not."""
        return HEAD_SIZE + len(self._plain.body) * 3 // 2

    def reply_to(self, client: ClientRequest) -> Reply:
        etags, since = client.etags, client.since
        if etags == self._etag or ((etags or since) and self._is_known(etags, since)):
            return self._known
        if client.accepts_gzip and self._is_packable:
            return self._packed or self._pack()
        return self._plain

    def note_duration(self, method: str, status: int, seconds: float) -> None:
        """Measure that it was given, without looking for the metric each time."""
        durations = self._durations.get((method, status))
        if durations is None:
            durations = metrics.HTTP_DURATION.labels(method, self.route, str(status))
            self._durations[method, status] = durations
        durations.note(seconds)

    def _is_known(self, etags: str | None, since: str | None) -> bool:
        return is_known(self._etag, self._modified, if_none_match=etags, if_modified_since=since)

    def _pack(self) -> Reply:
        body = gzip.compress(self._plain.body, COMPRESSION_LEVEL, mtime=0)
        self._packed = Reply(200, [*self._shared, (b"content-encoding", b"gzip"), _length(body)], body)
        return self._packed


class Recording:
    """What an application sends. Its own ASGI `send` is `record`."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: HeaderList = []
        self._pieces: list[bytes] = []

    async def record(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], [(n.lower(), v) for n, v in message["headers"]]
        elif message["type"] == "http.response.body":
            self._pieces.append(message.get("body", b""))

    @property
    def body(self) -> bytes:
        return b"".join(self._pieces)

    def find(self, name: bytes) -> bytes:
        return next((value for header, value in self.headers if header == name), b"")

    @property
    def is_for_everybody(self) -> bool:
        """Whether anybody else may get it too."""
        directives = self.find(b"cache-control").lower()
        is_private = b"private" in directives or b"no-store" in directives
        return self.status == 200 and not is_private and not self.find(b"set-cookie")


def _add_to_list(header: bytes, name: bytes) -> bytes:
    return header if name in header else b", ".join(filter(None, (header, name)))


def _length(body: bytes) -> tuple[bytes, bytes]:
    return b"content-length", str(len(body)).encode()


def _parse_time(header: bytes) -> datetime | None:
    return parse_http_date(header.decode("latin-1")) if header else None
