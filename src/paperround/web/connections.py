"""The connections of the HTTP server, with bounds on what a client may send before a route is reached.

uvicorn bounds neither the size of a request's head nor the time that it takes. Here a connection that sends
too much or too slowly is refused and closed, and so is one connection too many, of one network or in all.
`security/bodies.py` bounds the size of bodies; their time is bounded here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from pydantic import IPvAnyNetwork
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from paperround import shared_counts
from paperround.shared_counts import SharedCounts
from paperround.web.security.client_ip import is_in_networks, list_networks, parse_address

MAX_PIPELINED_REQUESTS: Final = 16
CONTINUE: Final = b"HTTP/1.1 100 "
OF_UNKNOWN_LENGTH: Final = b"\r\ntransfer-encoding: chunked\r\n\r\n"  # as uvicorn ends such a head
MAX_COPIED: Final = 16_384  # bytes of a body that are rather copied behind its head than written beside it
ALL_CONNECTIONS: Final = "all"


@dataclass(frozen=True)
class ConnectionLimits:
    """Bounds of a connection. Sizes are in bytes, times in seconds.

    `head_timeout` runs from the connection, or from the first byte of a later request, to the end of the
    head. `body_timeout` runs from there to the end of the body. Within each `write_timeout` a client must
    read `write_progress` of what waits for it, or the rest. `per_network` counts a /24 of IPv4 and a /64 of
    IPv6, `per_wide_network` a /16 and a /48, so that nobody has all of `total`. Trusted proxies and this
    machine itself stand for many clients and are bounded by `total` alone. All three are bounds of what the
    web processes of one machine have together.
    """

    head_bytes: int = 32_768
    headers: int = 100
    head_timeout: float = 10
    body_timeout: float = 60
    write_timeout: float = 20
    write_progress: int = 32_768
    per_network: int = 100
    per_wide_network: int = 400
    total: int = 1_000


class AnswerWriter:
    """What uvicorn writes one answer to. The head of an answer whose length is known waits for its body.

    So one system call writes both. Other answers may come piece by piece, so their heads are written at once.
    """

    __slots__ = ("_has_begun", "_head", "_transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport, self._head, self._has_begun = transport, b"", False

    def write(self, data: bytes) -> None:
        head, self._head = self._head, b""
        if head and len(data) > MAX_COPIED:
            self._transport.writelines((head, data))
        elif head or self._has_begun or data.startswith(CONTINUE):
            self._transport.write(head + data)
        else:
            self._has_begun = True
            if data.endswith(OF_UNKNOWN_LENGTH):
                self._transport.write(data)
            else:
                self._head = data

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def close(self) -> None:
        if self._head:
            self.write(b"")
        self._transport.close()


class BoundedProtocol(HttpToolsProtocol):
    """A connection within `limits`. Subclassed by `bounded_protocol`, which sets the class variables."""

    limits: ClassVar[ConnectionLimits] = ConnectionLimits()
    exempt_networks: ClassVar[Sequence[IPvAnyNetwork]] = ()
    counts: ClassVar[SharedCounts]

    _deadline: asyncio.TimerHandle | None = None
    _write_deadline: asyncio.TimerHandle | None = None
    _counted: Sequence[str] = ()
    _body_bytes = 0  # of the present message
    _other_bytes = 0  # of the present message: its head, the sizes of chunks, trailers
    _is_in_head = True
    _is_between_messages = False
    _is_refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        transport.set_write_buffer_limits(0)  # `pause_writing` then tells of every byte that waits
        self._counted = [ALL_CONNECTIONS, *self._list_counted_networks()]
        for name in self._counted:
            self.counts.add(name)
        if self.counts.total(ALL_CONNECTIONS) > self.limits.total:
            self._refuse(503, "Too many connections.")
            return
        most = (self.limits.per_network, self.limits.per_wide_network)
        if any(self.counts.total(name) > n for name, n in zip(self._counted[1:], most, strict=False)):
            self._refuse(503, "Too many connections from your network.")
            return
        self._expect_rest()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_deadline()
        self._cancel_write_deadline()
        for name in self._counted:
            self.counts.add(name, -1)
        self._counted = ()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_refused or self.transport.is_closing():
            return
        self._other_bytes += len(data)
        self._is_between_messages = False
        super().data_received(data)
        if not self._is_between_messages and self._deadline is None and not self._is_refused:
            self._expect_rest()
        # The parser tells of a header or a trailer only when it is whole, so what came without an end is
        # counted here. Chunks may have as much around them as in them.
        if self._other_bytes > self.limits.head_bytes + self._body_bytes and not self._is_refused:
            self._refuse(431, "The request's headers are too large.")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_between_messages = False
        self._is_in_head, self._other_bytes, self._body_bytes = True, 0, 0

    def on_headers_complete(self) -> None:
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > self.limits.head_bytes or len(self.headers) > self.limits.headers:
            self._refuse(431, "The request has too many headers, or too large ones.")
        if self._is_refused:
            return
        self._is_in_head = False
        self._cancel_deadline()
        super().on_headers_complete()
        if self.scope["method"] != "HEAD":
            self.cycle.transport = AnswerWriter(self.transport)  # type: ignore[assignment]
        if len(self.pipeline) > MAX_PIPELINED_REQUESTS:
            self._refuse(503, "Too many requests at once on one connection.")

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        self._other_bytes = max(self._other_bytes - len(body), 0)
        if not self._is_refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if not self._is_refused:
            self._cancel_deadline()
            self._is_between_messages = True
            self._is_in_head, self._other_bytes, self._body_bytes = True, 0, 0
            super().on_message_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._await_reader()

    def resume_writing(self) -> None:
        self._cancel_write_deadline()
        super().resume_writing()

    def _await_reader(self, waiting: int | None = None) -> None:
        """Abort the connection if the client reads too little. `waiting` is how much waited at first."""
        left = self.transport.get_write_buffer_size()
        if waiting is not None and left > waiting - self.limits.write_progress:
            self.transport.abort()
            return
        self._cancel_write_deadline()
        self._write_deadline = self.loop.call_later(self.limits.write_timeout, self._await_reader, left)

    def _list_counted_networks(self) -> Sequence[str]:
        """List the networks that the connection counts for, the narrow one first. None if it is exempt."""
        address = parse_address(self.client[0] if self.client else "")
        if address is None:  # a Unix socket
            return ()
        if address.is_loopback or is_in_networks(address, self.exempt_networks):
            return ()
        narrow, *_, wide = list_networks(address)
        return [narrow, wide]

    def _expect_rest(self) -> None:
        """Refuse the request unless its head, or what is left of its body, comes in time.

        Most requests come whole, and never get here.
        """
        limits = self.limits
        seconds, part = (
            (limits.head_timeout, "headers") if self._is_in_head else (limits.body_timeout, "body")
        )
        text = f"The request's {part} took too long."
        self._deadline = self.loop.call_later(seconds, self._refuse, 408, text)

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _cancel_write_deadline(self) -> None:
        if self._write_deadline is not None:
            self._write_deadline.cancel()
            self._write_deadline = None

    def _refuse(self, status: int, text: str) -> None:
        """Send the reason, unless a response has begun, and close.

        A request under way sees its client disconnect.
        """
        self._is_refused = True
        self._cancel_deadline()
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            body = text.encode()
            head = f"content-type: text/plain\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
            self.transport.write(STATUS_LINE[status] + head.encode() + body)
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.close()


def bounded_protocol(
    limits: ConnectionLimits, exempt: Sequence[IPvAnyNetwork], counts: SharedCounts | None = None
) -> type[BoundedProtocol]:
    """Make a protocol class for uvicorn. Without `counts` it has its own."""
    variables: dict[str, Any] = {
        "limits": limits,
        "exempt_networks": tuple(exempt),
        "counts": counts or shared_counts.open_alone(),
    }
    return type("BoundedProtocol", (BoundedProtocol,), variables)
