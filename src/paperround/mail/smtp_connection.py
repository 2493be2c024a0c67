"""The SMTP dialogue on an open connection: commands, of which several may be sent at once, and replies.

aiosmtplib opens the connection, with TLS and a password. This module then takes over its transport, because
aiosmtplib waits for the reply to each command before it sends the next.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final, NamedTuple

from paperround.errors import PaperroundError

MAX_REPLY_SIZE: Final = 65_536  # bytes that may wait to be read


class ConnectionBroken(PaperroundError, ConnectionError):
    """The connection was lost, or the server does not speak SMTP. It is an `OSError` too, as timeouts are."""

    title = "The connection to the mail server was lost"
    status = 502


class SmtpReply(NamedTuple):
    """A server's reply. The lines of `text` are joined by blanks."""

    code: int
    text: str


class SmtpDialogue(asyncio.Protocol):
    """Writes commands to a transport and reads replies from it."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self._loss_reason: str | None = "" if transport.is_closing() else None
        self._buffer = bytearray()
        self._lines: list[str] = []  # of a reply that is not complete
        self._replies: deque[SmtpReply] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        transport.set_write_buffer_limits(high=0)  # "writable" then means that everything was sent
        transport.set_protocol(self)

    @property
    def is_open(self) -> bool:
        """Whether commands can be sent."""
        return self._loss_reason is None and not self.transport.is_closing()

    def close(self) -> None:
        """Close the connection at once."""
        self.transport.abort()

    def write(self, data: bytes) -> None:
        """Write to the server without waiting. Raises `ConnectionBroken`."""
        if not self.is_open:
            raise ConnectionBroken(self._loss_reason or "The connection is closed.")
        self.transport.write(data)

    async def wait_until_flushed(self, seconds: float) -> None:
        """Wait until everything was sent. Raises `ConnectionBroken`, `TimeoutError`."""
        if not self._writable.is_set():
            async with asyncio.timeout(seconds):
                await self._writable.wait()
        if not self.is_open:
            raise ConnectionBroken(self._loss_reason or "The connection is closed.")

    async def read_reply(self, seconds: float) -> SmtpReply:
        """Wait for the next reply. Raises `ConnectionBroken`, `TimeoutError`."""
        while not self._replies:
            if not self.is_open:
                raise ConnectionBroken(self._loss_reason or "The connection is closed.")
            self._waiter = asyncio.get_running_loop().create_future()
            timer = asyncio.get_running_loop().call_later(seconds, self._wake, TimeoutError("no answer came"))
            try:
                await self._waiter
            finally:
                timer.cancel()
                self._waiter = None
        return self._replies.popleft()

    def _wake(self, error: Exception | None = None) -> None:
        if self._waiter is not None and not self._waiter.done():
            if error:
                self._waiter.set_exception(error)
            else:
                self._waiter.set_result(None)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) > MAX_REPLY_SIZE:
            self._abort("The server's answer is too long.")
            return
        while (end := self._buffer.find(b"\n")) >= 0:
            line = bytes(self._buffer[:end]).decode(errors="replace").rstrip()
            del self._buffer[: end + 1]
            self._parse_line(line)

    def _parse_line(self, line: str) -> None:
        code, separator = line[:3], line[3:4]
        if not (code.isascii() and code.isdigit()) or separator not in ("", " ", "-"):
            self._abort(f"The server said {line[:80]!r}.")
            return
        self._lines.append(line[4:])
        if separator != "-":
            self._replies.append(SmtpReply(int(code), " ".join(self._lines)))
            self._lines = []
            self._wake()

    def _abort(self, reason: str) -> None:
        self._loss_reason = reason
        self.transport.abort()
        self._wake()

    def eof_received(self) -> bool:
        self._loss_reason = self._loss_reason or "The server hung up."
        self._wake()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._loss_reason = self._loss_reason or str(exc or "The connection was lost.")
        self._writable.set()
        self._wake()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()
