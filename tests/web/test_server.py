"""What a client can do to the server before a route is reached is bounded in size, time and number."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest
import uvicorn

from paperround import shared_counts
from paperround.asgi import answer_stopped_requests
from paperround.web.connections import (
    ALL_CONNECTIONS,
    BoundedProtocol,
    ConnectionLimits,
    bounded_protocol,
)

LIMITS = ConnectionLimits(
    head_bytes=4_096,
    headers=20,
    head_timeout=0.5,
    body_timeout=0.5,
    write_timeout=0.5,
    per_network=3,
    per_wide_network=4,
    total=6,
)
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def echo(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answers with how many bytes came; /large answers with more than any buffer holds."""
    if scope["type"] != "http":
        return
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    body = b"x" * 50_000_000 if scope["path"] == "/large" else str(size).encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@contextlib.contextmanager
def serving(limits: ConnectionLimits) -> Iterator[tuple[int, type[BoundedProtocol]]]:
    protocol = bounded_protocol(limits, [])
    config = uvicorn.Config(
        echo, port=0, http=protocol, log_config=None, lifespan="off", timeout_keep_alive=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.005)
    try:
        yield server.servers[0].sockets[0].getsockname()[1], protocol
    finally:
        server.should_exit = True
        thread.join(30)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving(LIMITS) as (number, _):
        yield number


@contextlib.contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        yield connection


def whole_answer(connection: socket.socket) -> bytes:
    """All that comes until the server closes; a reset counts as the end."""
    pieces = []
    with contextlib.suppress(ConnectionError):
        while piece := connection.recv(65_536):
            pieces.append(piece)
    return b"".join(pieces)


def sent(port: int, *pieces: bytes) -> bytes:
    with connected(port) as connection:
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                connection.sendall(piece)
        return whole_answer(connection)


def test_an_ordinary_request_is_answered(port: int) -> None:
    assert sent(
        port, b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc"
    ).endswith(b"\r\n\r\n3")


def test_many_requests_may_follow_on_one_connection(port: int) -> None:
    last = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    assert sent(port, GET * 3 + last).count(b"200 OK") == 4


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nX: " + b"a" * 300_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"a" * 5_000_000,  # no end
        b"GET /" + b"a" * 5_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 21 + b"\r\n",
        b"GET / HTTP/1.1\r\n" + b"".join(b"H%d: %s\r\n" % (n, b"v" * 300) for n in range(19)) + b"\r\n",
        GET * 2 + b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 21 + b"\r\n",  # not the first of its connection
    ],
    ids=[
        "one long header",
        "a header without an end",
        "a long address",
        "many headers",
        "large together",
        "later",
    ],
)
def test_a_head_that_is_too_large_is_refused(port: int, head: bytes) -> None:
    assert b" 431 " in sent(port, head)


def test_a_large_head_is_refused_as_it_comes_and_holds_nobody_up(port: int) -> None:
    """A header of 60 MB used to stall the whole site for half a minute."""
    done = threading.Event()

    def flood() -> None:
        sent(port, b"GET / HTTP/1.1\r\nX: ", *[b"a" * 1_000_000] * 60)
        done.set()

    threading.Thread(target=flood, daemon=True).start()
    for _ in range(5):
        assert b"200 OK" in sent(port, GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    assert done.wait(20)


@pytest.mark.parametrize("piece", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\n"])
def test_a_head_that_never_ends_is_closed_in_time(port: int, piece: bytes) -> None:
    answer = sent(port, piece)  # returns when the server has closed
    assert b" 408 " in answer


def test_a_head_that_trickles_is_closed_in_time(port: int) -> None:
    with connected(port) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(b"GET / HTTP/1.1\r\nX: ")
            for _ in range(100):
                connection.sendall(b"a")
                time.sleep(0.02)
        assert b" 408 " in whole_answer(connection)


def test_a_later_head_that_never_ends_is_closed_too(port: int) -> None:
    assert sent(port, GET + b"GET / HT").count(b"200 OK") == 1
    with connected(port) as connection:
        connection.sendall(GET)
        assert b"200 OK" in connection.recv(65_536)
        connection.sendall(b"GET / HT")
        assert b" 408 " in whole_answer(connection)


def test_a_body_that_never_ends_is_closed_in_time(port: int) -> None:
    answer = sent(port, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc")
    assert b" 408 " in answer


def test_a_body_in_endless_small_chunks_is_closed_in_time(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            for _ in range(100):
                connection.sendall(b"1;extension=value\r\na\r\n")
                time.sleep(0.02)
        assert b" 408 " in whole_answer(connection)


def test_a_client_that_reads_nothing_is_let_go(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(GET.replace(b"/ ", b"/large "))
        time.sleep(1.2)
        assert len(whole_answer(connection)) < 50_000_000


def test_trailers_count_as_headers_do(port: int) -> None:
    """They come after the body, when the head is done."""
    head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n"
    assert b" 431 " in sent(port, head, b"X: ", *[b"a" * 100_000] * 50)
    assert b" 431 " in sent(port, head, *[b"A: b\r\n" * 1_000] * 20)


def test_chunks_of_next_to_nothing_are_refused(port: int) -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    extended = b"1;" + b"e" * 2_000 + b"\r\na\r\n"
    assert b" 431 " in sent(port, head, extended * 200)


def test_a_request_right_after_a_long_body_is_no_large_head(port: int) -> None:
    first = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n" + b"x" * 200_000
    last = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    answer = sent(port, first + last[:20], last[20:])
    assert answer.count(b"200 OK") == 2


async def test_whoever_reads_slowly_gets_everything_and_whoever_reads_drop_by_drop_is_let_go() -> None:
    connection, transport = connect_fake(
        replace(LIMITS, write_timeout=3_600, write_progress=100), "192.0.2.1"
    )
    transport.waiting = 10_000
    connection.pause_writing()
    transport.waiting = 9_900
    connection._await_reader(10_000)
    assert not transport.aborted.is_set()
    transport.waiting = 9_801
    connection._await_reader(9_900)
    assert transport.aborted.is_set()
    connection.connection_lost(None)


async def test_an_answer_that_nobody_reads_holds_no_connection() -> None:
    """It is smaller than the buffer at which asyncio would say that something waits."""
    connection, transport = connect_fake(replace(LIMITS, write_timeout=0.05), "192.0.2.1")
    transport.waiting = 10
    connection.pause_writing()
    transport.close()
    await asyncio.wait_for(transport.aborted.wait(), 20)

    assert transport.high_water == 0


def test_a_connection_that_idles_after_an_answer_is_closed(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(GET)
        assert b"200 OK" in whole_answer(connection)


def test_one_too_many_connections_in_all_is_refused_and_the_others_stay() -> None:
    with serving(replace(LIMITS, head_timeout=20)) as (port, _), contextlib.ExitStack() as stack:
        idle = [stack.enter_context(connected(port)) for _ in range(LIMITS.total)]
        time.sleep(0.1)
        assert b" 503 " in sent(port, GET)
        idle[0].sendall(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        assert b"200 OK" in whole_answer(idle[0])
        time.sleep(0.1)
        assert b"200 OK" in sent(port, GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))


class FakeTransport(asyncio.Transport):
    """A transport whose peer has an address that a test on loopback cannot have."""

    def __init__(self, host: str) -> None:
        super().__init__({"peername": (host, 4711), "sockname": ("192.0.2.1", 80)})
        self.written = b""
        self.closed = False
        self.high_water: int | None = None
        self.waiting = 0
        self.aborted = asyncio.Event()

    def write(self, data: Any) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        assert low is None
        self.high_water = high

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def abort(self) -> None:
        self.aborted.set()


def connect_fake(limits: ConnectionLimits, host: str) -> tuple[BoundedProtocol, FakeTransport]:
    """A connection of its own from a host."""
    protocol, transport = bounded_protocol(limits, []), FakeTransport(host)
    config = uvicorn.Config(echo, http=protocol, log_config=None, lifespan="off")
    config.load()
    connection = protocol(config=config, server_state=uvicorn.server.ServerState(), app_state={})
    connection.connection_made(transport)
    return connection, transport


@pytest.mark.parametrize(
    ("hosts", "refused"),
    [
        (["198.51.100.1", "198.51.100.2", "198.51.100.3", "198.51.100.4"], 1),  # one network
        (["198.51.100.1", "198.51.100.2", "198.51.100.3", "198.51.101.4"], 0),
        ([f"198.51.{n}.1" for n in range(4)], 0),
        ([f"198.51.{n}.1" for n in range(6)], 2),  # of one wide network
        ([f"2001:db8:0:{n}::1" for n in range(6)], 2),
        ([f"2001:db8:{n}::1" for n in range(6)], 0),
        (["2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8::ffff:1"], 1),
        (["2001:db8:0:1::1", "2001:db8:0:2::1", "2001:db8:0:3::1", "2001:db8:0:4::1"], 0),
        (["::ffff:198.51.100.1", "198.51.100.2", "198.51.100.3", "198.51.100.4"], 1),
        (["127.0.0.1"] * 4, 0),  # this machine: a proxy that was not named
        (["10.0.0.1"] * 4, 0),  # a trusted proxy
    ],
)
async def test_one_network_has_a_bounded_number_of_connections(hosts: list[str], refused: int) -> None:
    protocol = bounded_protocol(LIMITS, [ip_network("10.0.0.0/8")])
    config = uvicorn.Config(echo, http=protocol, log_config=None, lifespan="off")
    config.load()
    state = uvicorn.server.ServerState()
    open_connections = []
    for host in hosts:
        connection = protocol(config=config, server_state=state, app_state={})
        connection.connection_made(FakeTransport(host))
        open_connections.append(connection)
    answers = [connection.transport.written for connection in open_connections]  # type: ignore[attr-defined]
    assert sum(b" 503 " in answer for answer in answers) == refused
    for connection in open_connections:
        connection.connection_lost(None)
    assert not protocol.counts.total(ALL_CONNECTIONS)
    assert not protocol.counts.total("198.51.100.0/24")


async def test_the_processes_of_a_machine_share_the_bounds_of_connections() -> None:
    file = shared_counts.create_file(2)
    state, answers = uvicorn.server.ServerState(), []
    protocols = [bounded_protocol(LIMITS, [], shared_counts.open_file(file, n, 2)) for n in range(2)]
    for number in range(LIMITS.per_network + 1):
        protocol = protocols[number % 2]
        config = uvicorn.Config(echo, http=protocol, log_config=None, lifespan="off")
        config.load()
        connection = protocol(config=config, server_state=state, app_state={})
        connection.connection_made(FakeTransport(f"198.51.100.{number}"))
        answers.append(connection.transport.written)  # type: ignore[attr-defined]
    os.close(file)
    assert [b" 503 " in answer for answer in answers] == [False, False, False, True]


@pytest.mark.parametrize("has_started", [False, True])
def test_a_request_that_outlasts_the_server_is_answered_and_leaves_no_traceback(
    has_started: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def endless(scope: Any, receive: Any, send: Any) -> None:
        if has_started:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"part", "more_body": True})
        under_way.set()
        await asyncio.Event().wait()

    under_way = threading.Event()
    config = uvicorn.Config(
        answer_stopped_requests(endless),
        port=0,
        http=bounded_protocol(LIMITS, []),
        log_config=None,
        lifespan="off",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.005)
    with connected(server.servers[0].sockets[0].getsockname()[1]) as connection:
        connection.sendall(GET)
        assert under_way.wait(20)
        server.should_exit = True
        answer = whole_answer(connection)
    thread.join(30)
    assert (b"HTTP/1.1 200" if has_started else b"HTTP/1.1 503") in answer
    assert not [record for record in caplog.records if record.exc_info]
