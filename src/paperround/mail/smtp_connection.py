"""The conversation on a connection that stands: commands, of which several may go out at once, and replies.

aiosmtplib opens the connection, with TLS and a password; this takes its transport over, since there each
command waits for the reply to the one before.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final, NamedTuple

LONGEST_REPLY: Final = 65_536  # bytes that may wait to be read


class Lost(ConnectionError):
    """The connection is gone, or what came over it was no SMTP."""


class Reply(NamedTuple):
    code: int
    words: str  # of several lines


class Dialogue(asyncio.Protocol):
    def __init__(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self._lost: str | None = "" if transport.is_closing() else None
        self._buffer = bytearray()
        self._lines: list[str] = []  # of a reply that goes on
        self._replies: deque[Reply] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        transport.set_write_buffer_limits(high=0)  # "writable" then means that all has left
        transport.set_protocol(self)

    @property
    def is_open(self) -> bool:
        return self._lost is None and not self.transport.is_closing()

    def close(self) -> None:
        self.transport.abort()

    def write(self, data: bytes) -> None:
        """Raises `Lost`."""
        if not self.is_open:
            raise Lost(self._lost or "The connection is closed.")
        self.transport.write(data)

    async def flushed(self, seconds: float) -> None:
        """Until all has left for the network. Raises `Lost`, `TimeoutError`."""
        if not self._writable.is_set():
            async with asyncio.timeout(seconds):
                await self._writable.wait()
        if not self.is_open:
            raise Lost(self._lost or "The connection is closed.")

    async def reply(self, seconds: float) -> Reply:
        """The next reply. Raises `Lost`, `TimeoutError`."""
        while not self._replies:
            if not self.is_open:
                raise Lost(self._lost or "The connection is closed.")
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
        if len(self._buffer) > LONGEST_REPLY:
            self._give_up("The server's answer is too long.")
            return
        while (end := self._buffer.find(b"\n")) >= 0:
            line = bytes(self._buffer[:end]).decode(errors="replace").rstrip()
            del self._buffer[: end + 1]
            self._read(line)

    def _read(self, line: str) -> None:
        code, mark = line[:3], line[3:4]
        if not (code.isascii() and code.isdigit()) or mark not in ("", " ", "-"):
            self._give_up(f"The server said {line[:80]!r}.")
            return
        self._lines.append(line[4:])
        if mark != "-":
            self._replies.append(Reply(int(code), " ".join(self._lines)))
            self._lines = []
            self._wake()

    def _give_up(self, why: str) -> None:
        self._lost = why
        self.transport.abort()
        self._wake()

    def eof_received(self) -> bool:
        self._lost = self._lost or "The server hung up."
        self._wake()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = self._lost or str(exc or "The connection was lost.")
        self._writable.set()
        self._wake()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()
