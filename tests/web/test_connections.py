"""What is written of an answer at once, and what a connection waits for."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import uvicorn
from starlette.types import Message

from paperround.web.connections import MAX_COPIED, ConnectionLimits, bounded_protocol

HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class RecordingTransport(asyncio.Transport):
    """A transport that keeps each piece which one system call would write."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 4711), "sockname": ("127.0.0.1", 80)})
        self.pieces: list[bytes] = []
        self.is_closed = False

    def write(self, data: Any) -> None:
        self.pieces += [bytes(data)] if data else []

    def writelines(self, pieces: Any) -> None:
        self.write(b"".join(pieces))

    def close(self) -> None:
        self.is_closed = True

    def is_closing(self) -> bool:
        return self.is_closed

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...


class Connection:
    """A connection to an application that sends what it is told, each time when `go_on` is called."""

    def __init__(self) -> None:
        self.messages: asyncio.Queue[Message | None] = asyncio.Queue()
        self.transport = RecordingTransport()
        protocol = bounded_protocol(ConnectionLimits(), [])
        config = uvicorn.Config(
            self._answer, http=protocol, log_config=None, lifespan="off", interface="asgi3"
        )
        config.load()
        self.server = protocol(config=config, server_state=uvicorn.server.ServerState(), app_state={})
        self.server.connection_made(self.transport)

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        while (message := await self.messages.get()) is not None:
            await (receive() if message["type"] == "receive" else send(message))

    async def go_on(self, *messages: Message | None) -> list[bytes]:
        """What is written meanwhile."""
        before = len(self.transport.pieces)
        for message in messages:
            self.messages.put_nowait(message)
        for _ in range(len(messages) + 5):  # turns of the loop; nothing waits for anything else
            await asyncio.sleep(0)
        assert self.messages.empty()
        return self.transport.pieces[before:]

    def close(self) -> None:
        self.server.connection_lost(None)
        for task in self.server.tasks:
            task.cancel()


def started(length: int | None) -> Message:
    headers = [] if length is None else [(b"content-length", str(length).encode())]
    return {"type": "http.response.start", "status": 200, "headers": headers}


def body(data: bytes, *, more: bool = False) -> Message:
    return {"type": "http.response.body", "body": data, "more_body": more}


@pytest.mark.parametrize("size", [0, 1, MAX_COPIED, MAX_COPIED + 1, 1_000_000])
async def test_an_answer_whose_length_is_known_is_written_at_once(size: int) -> None:
    connection = Connection()
    for _ in range(2):
        connection.server.data_received(HEAD)
        [piece] = await connection.go_on(started(size), body(b"x" * size), None)
        head, _, rest = piece.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        assert rest == b"x" * size
    connection.close()


async def test_what_comes_piece_by_piece_is_written_piece_by_piece() -> None:
    connection = Connection()
    connection.server.data_received(HEAD)
    [head] = await connection.go_on(started(None))
    assert head.startswith(b"HTTP/1.1 200")
    assert await connection.go_on(body(b"one", more=True)) == [b"3\r\none\r\n"]
    assert await connection.go_on(body(b"HTTP/1.1 200", more=True)) == [b"c\r\nHTTP/1.1 200\r\n"]
    assert await connection.go_on(body(b""), None) == [b"0\r\n\r\n"]
    connection.server.data_received(HEAD)
    [first] = await connection.go_on(started(6), body(b"one", more=True))
    assert first.endswith(b"\r\n\r\none")
    assert await connection.go_on(body(b"two"), None) == [b"two"]
    connection.close()


async def test_an_answer_without_a_body_has_its_head() -> None:
    connection = Connection()
    connection.server.data_received(HEAD.replace(b"GET", b"HEAD"))
    [head] = await connection.go_on(started(7), body(b""), None)
    assert head.endswith(b"content-length: 7\r\n\r\n")
    connection.server.data_received(HEAD)
    [head] = await connection.go_on({"type": "http.response.start", "status": 304}, body(b""), None)
    assert head.startswith(b"HTTP/1.1 304")
    assert head.endswith(b"\r\n\r\n")
    connection.close()


async def test_a_client_is_told_to_go_on_before_the_answer() -> None:
    connection = Connection()
    request = HEAD.replace(b"GET", b"POST")[:-2] + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\n"
    connection.server.data_received(request)
    assert await connection.go_on({"type": "receive"}) == [b"HTTP/1.1 100 Continue\r\n\r\n"]
    connection.server.data_received(b"abc")
    [answer] = await connection.go_on(started(2), body(b"ok"), None)
    assert answer.endswith(b"\r\n\r\nok")
    connection.close()


async def test_an_answer_that_breaks_off_shows_how_far_it_came() -> None:
    connection = Connection()
    connection.server.data_received(HEAD)
    [head] = await connection.go_on(started(3), None)
    assert head.startswith(b"HTTP/1.1 200")
    assert connection.transport.is_closed
    connection.close()


@pytest.mark.parametrize(
    ("data", "is_waiting"),
    [
        ([b""], True),
        ([HEAD], False),
        ([HEAD, b"\r\n"], True),
        ([HEAD + b"GET"], True),
        ([HEAD[:9]], True),
        ([HEAD[:9], HEAD[9:]], False),
        ([HEAD[:-2] + b"Content-Length: 3\r\n\r\n"], True),
        ([HEAD[:-2] + b"Content-Length: 3\r\n\r\n", b"ab"], True),
        ([HEAD[:-2] + b"Content-Length: 3\r\n\r\n", b"ab", b"c"], False),
        ([HEAD[:-2] + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"], True),
        ([HEAD[:-2] + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"], False),
    ],
)
async def test_a_deadline_is_set_while_a_request_is_not_whole(data: list[bytes], is_waiting: bool) -> None:
    connection = Connection()
    for piece in filter(None, data):
        connection.server.data_received(piece)
    assert (connection.server._deadline is not None) is is_waiting
    connection.close()
