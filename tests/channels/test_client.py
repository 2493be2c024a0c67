"""Where messages may go: by the address that is connected to, whatever a name says, and by no redirect."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from ipaddress import ip_network

import pytest

from paperround.channels.client import ChannelClient, encode, open_channel_client
from paperround.channels.errors import ChannelAnswerLost, ChannelGone, ChannelUnavailable
from paperround.database import utc_now

from support.channel_sink import ChannelSink
from support.sites import free_port

LOOPBACK = ip_network("127.0.0.0/8")
BODY = encode({"text": "papers"})
SIGNED = {"webhook-id": "1", "webhook-timestamp": "1", "webhook-signature": "v1,x"}


@pytest.fixture
def sink() -> Iterator[ChannelSink]:
    sink = ChannelSink()
    with sink.running():
        yield sink


@asynccontextmanager
async def serving(
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[int]:
    """Let `talk` answer each connection, in the test's own loop; the port."""
    conversations: list[asyncio.Task[None]] = []

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):  # the client may be gone
            await talk(reader, writer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(
        lambda reader, writer: conversations.append(asyncio.create_task(converse(reader, writer))),
        "127.0.0.1",
        0,
    )
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.gather(*conversations)


async def post(client: ChannelClient, url: str) -> str:
    return await client.post(url, BODY, headers=SIGNED, now=utc_now())


def name_addresses(monkeypatch: pytest.MonkeyPatch, looks: list[str]) -> None:
    """`rebound.example` is at the first address at the first look, and so on; at the last from then on."""
    original = socket.getaddrinfo

    def look_up(host: object, *arguments: object, **options: object) -> object:
        if str(host) != "rebound.example":
            return original(host, *arguments, **options)  # type: ignore[arg-type]
        address = looks.pop(0) if len(looks) > 1 else looks[0]
        return original(address, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


async def test_private_addresses_are_refused_unless_their_network_is_allowed(sink: ChannelSink) -> None:
    hosts = ("127.0.0.1", "localhost", "127.1", "2130706433", "[::ffff:127.0.0.1]")
    async with open_channel_client([]) as client:
        for host in (*hosts, "169.254.169.254", "10.0.0.1", "[::1]", "0"):
            for scheme in ("http", "https"):
                with pytest.raises(ChannelUnavailable, match=r"not public|none of the networks"):
                    await post(client, f"{scheme}://{host}:{sink.port}/webhook/1")
    assert sink.seen == []
    async with open_channel_client([ip_network("10.0.0.0/8")]) as client:
        with pytest.raises(ChannelUnavailable):
            await post(client, f"http://127.0.0.1:{sink.port}/webhook/1")
    async with open_channel_client([LOOPBACK]) as client:
        for host in hosts[:4]:
            assert await post(client, f"http://{host}:{sink.port}/webhook/1") == "200 OK"


async def test_a_public_address_is_not_written_to_without_tls() -> None:
    async with open_channel_client([LOOPBACK]) as client:
        with pytest.raises(ChannelUnavailable, match="without TLS"):
            await post(client, "http://93.184.215.14/hook")


@pytest.mark.parametrize("looks", [["127.0.0.1"], ["203.0.114.9", "127.0.0.1"]])
async def test_a_name_that_turns_to_a_private_address_leads_nowhere(
    sink: ChannelSink, monkeypatch: pytest.MonkeyPatch, looks: list[str]
) -> None:
    """The first look, if any, is one that a check beforehand would have made."""
    name_addresses(monkeypatch, looks)
    if len(looks) > 1:
        socket.getaddrinfo("rebound.example", 443)
    async with open_channel_client([]) as client:
        with pytest.raises(ChannelUnavailable, match="not public"):
            await post(client, f"https://rebound.example:{sink.port}/webhook/1")
    assert sink.seen == []


async def test_a_redirect_is_not_followed_and_410_is_the_end(sink: ChannelSink) -> None:
    async with open_channel_client([LOOPBACK]) as client:
        sink.judge = lambda posted: "redirect"
        with pytest.raises(ChannelUnavailable, match="not followed"):
            await post(client, f"http://127.0.0.1:{sink.port}/webhook/1")
        sink.judge = lambda posted: "410"
        with pytest.raises(ChannelGone):
            await post(client, f"http://127.0.0.1:{sink.port}/webhook/1")
    assert len(sink.seen) == 2


async def test_silence_after_the_message_is_doubt_and_before_it_is_not(sink: ChannelSink) -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with serving(say_nothing) as port, open_channel_client([LOOPBACK]) as opened:
        client = ChannelClient(opened.http, timeout=0.5)
        began = time.monotonic()
        with pytest.raises(ChannelAnswerLost):
            await post(client, f"http://127.0.0.1:{port}/hook")
        with pytest.raises(ChannelUnavailable, match="can't be reached"):
            await post(client, f"https://127.0.0.1:{port}/hook")  # no TLS comes about
        with pytest.raises(ChannelUnavailable, match="can't be reached"):
            await post(client, f"http://127.0.0.1:{free_port()}/hook")
        assert time.monotonic() - began < 60


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n" + b"x" * 10_000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello",
        b"HTTP/1.1 204 No Content\r\n\r\n",
    ],
)
async def test_of_an_answer_only_the_start_is_read_and_a_status_is_enough(answer: bytes) -> None:
    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        if b"1000000000" in answer:
            await reader.read()  # the other side has read enough

    async with serving(say) as port, open_channel_client([LOOPBACK]) as client:
        assert (await post(client, f"http://127.0.0.1:{port}/hook")).startswith("20")


async def test_what_a_server_says_is_told_in_a_few_plain_words(sink: ChannelSink) -> None:
    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = b'{"description": "chat <b>not</b> found 550 5.1.1 \\u001b[31m ' + b"x" * 500 + b'"}'
        writer.write(b"HTTP/1.1 400 Bad\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    async with serving(say) as port, open_channel_client([LOOPBACK]) as client:
        with pytest.raises(ChannelUnavailable) as refusal:
            await post(client, f"http://127.0.0.1:{port}/hook?key=hidden")
    assert refusal.value.response.startswith("400 Bad Request (chat b not b found m x")
    assert len(refusal.value.response) < 120
    assert "hidden" not in str(refusal.value)


async def test_through_a_proxy_private_numbers_are_refused_too(
    sink: ChannelSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{sink.port}")
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{sink.port}")
    async with open_channel_client([]) as client:
        for url in ("https://127.0.0.1/x", "https://10.1.2.3/x", "http://public.example/x"):
            with pytest.raises(ChannelUnavailable, match=r"not a public|none of the networks"):
                await post(client, url)
    assert sink.seen == []
