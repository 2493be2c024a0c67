"""Connections to hosts that others name lead to public addresses only."""

from __future__ import annotations

import socket
from collections.abc import Callable

import httpcore
import httpx
import pytest

from paperround.outbound.client import AddressRefused, GuardedBackend, open_client, open_transport

from support.feed_server import FeedServer

Resolver = Callable[..., None]


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> Resolver:
    """Names and the addresses that a look at each gives; the last ones stay."""
    original = socket.getaddrinfo
    answers: dict[str, list[list[str]]] = {}

    def look_up(host: object, *arguments: object, **options: object) -> object:
        name = str(host)
        if name not in answers:
            return original(host, *arguments, **options)  # type: ignore[arg-type]
        looks = answers[name]
        addresses = looks.pop(0) if len(looks) > 1 else looks[0]
        port = arguments[0] if arguments else None
        return [entry for address in addresses for entry in original(address, port, type=socket.SOCK_STREAM)]  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)

    def name(host: str, *looks: list[str]) -> None:
        answers[host] = [*looks]

    return name


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.0.0.1", "fe80::1", "::ffff:169.254.169.254", "192.88.99.1"]
)
async def test_a_name_is_not_connected_to_where_it_leads_to_no_public_address(
    resolve: Resolver, address: str
) -> None:
    resolve("papers.example", [address])
    with pytest.raises(AddressRefused, match=r"papers\.example leads to an address that is not public"):
        await GuardedBackend().connect_tcp("papers.example", 80, timeout=5)


@pytest.mark.parametrize("host", ["localhost", "127.1", "0x7f000001", "2130706433", "0", "017700000001"])
async def test_other_spellings_of_this_machine_are_refused(host: str) -> None:
    with pytest.raises(AddressRefused):
        await GuardedBackend().connect_tcp(host, 80, timeout=5)


async def test_of_several_addresses_only_those_that_were_checked_are_connected_to(
    resolve: Resolver, feed: FeedServer
) -> None:
    port = httpx.URL(feed.url).port or 0
    resolve("trusted.example", ["127.0.0.1"])
    resolve("mixed.example", ["10.255.255.1", "127.0.0.1"])
    backend = GuardedBackend(["trusted.example"])
    for host in ("trusted.example", "mixed.example"):
        stream = await backend.connect_tcp(host, port, timeout=5)
        assert stream.get_extra_info("server_addr")[0] == "127.0.0.1"
        await stream.aclose()


async def test_a_trusted_name_that_turns_to_another_kind_of_address_is_refused(resolve: Resolver) -> None:
    resolve("hub.example", ["2001:4860::1"], ["127.0.0.1"])
    backend = GuardedBackend(["hub.example"])
    with pytest.raises((httpcore.ConnectError, httpcore.ConnectTimeout)):
        await backend.connect_tcp("hub.example", 9, timeout=0.1)
    with pytest.raises(AddressRefused):
        await backend.connect_tcp("hub.example", 9, timeout=0.1)


async def test_no_socket_of_this_machine_is_connected_to() -> None:
    with pytest.raises(AddressRefused):
        await GuardedBackend().connect_unix_socket("/tmp/socket")


async def test_behind_a_proxy_numbers_are_still_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    async with open_client(trusted_hosts=["hub.example"], headers={}, max_redirects=3) as client:
        for host in ("169.254.169.254", "127.1", "[::ffff:10.0.0.1]", "localhost", "metadata.localhost"):
            with pytest.raises(AddressRefused):
                await client.get(f"http://{host}/")
        with pytest.raises(httpx.ConnectError):  # the proxy is asked
            await client.get("http://hub.example/")


async def test_a_host_that_vanished_is_given_up_however_long_its_answer_may_take(feed: FeedServer) -> None:
    async with (
        httpx.AsyncClient(transport=open_transport(), timeout=None) as client,
        client.stream("GET", feed.url) as answer,
    ):
        connection = answer.extensions["network_stream"].get_extra_info("socket")
        assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) <= 15
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) <= 30_000
