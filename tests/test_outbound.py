"""Connections to hosts that others name lead to public addresses only."""

from __future__ import annotations

import socket
from collections.abc import Callable
from ipaddress import ip_address

import httpcore
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperround.outbound import (
    AddressKind,
    AddressRefused,
    GuardedBackend,
    classify_address,
    is_public,
    open_client,
)

from support.feed_server import FeedServer

PUBLIC = [
    "8.8.8.8",
    "93.184.216.34",
    "2606:4700::1111",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
    "2002:808:808::1",
]
NOT_PUBLIC = {
    AddressKind.loopback: [
        "127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::",
        "::127.0.0.1",
    ],
    AddressKind.private: [
        "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "192.0.0.8", "198.18.0.1",
        "192.0.2.1", "198.51.100.1", "203.0.113.1", "fc00::1", "fdff::1", "fec0::1", "::ffff:10.0.0.1",
        "64:ff9b::a00:1", "2002:c0a8:101::1", "2001:db8::5efe:10.0.0.1", "2606:4700::200:5efe:192.168.1.1",
    ],
    AddressKind.link_local: [
        "169.254.169.254", "fe80::1", "fe80::1%2", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::", "::169.254.169.254", "fe80::5efe:169.254.169.254",
    ],
    AddressKind.special: [
        "0.0.0.0", "0.1.2.3", "::", "224.0.0.1", "239.255.255.250", "255.255.255.255", "240.0.0.1",
        "192.88.99.1", "ff02::1", "ff0e::1", "::ffff:0.0.0.0", "64:ff9b:1::1", "100::1", "2001:db8::1",
        "4000::1", "3fff::1", "::8.8.8.8", "2001::1", "2001:0:808:808::f7f7:f7f7", "5f00::1",
    ],
}  # fmt: skip
SAMPLES = [(kind, address) for kind, addresses in NOT_PUBLIC.items() for address in addresses]


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_public_in_each_of_its_forms(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(("kind", "address"), SAMPLES)
def test_an_address_that_is_not_public_is_known_in_each_of_its_forms(kind: AddressKind, address: str) -> None:
    assert classify_address(address) is kind


@given(st.ip_addresses(v=4))
def test_an_address_of_ipv4_is_of_one_kind_however_it_is_written_in_ipv6(address: object) -> None:
    kind = classify_address(str(address))
    number = int(ip_address(str(address)))
    assert classify_address(f"::ffff:{address}") is kind
    assert classify_address(f"64:ff9b::{address}") is kind
    assert classify_address(ip_address((0x2002 << 112) | (number << 80))) is kind


@given(st.ip_addresses(v=6))
def test_what_python_calls_local_is_never_public(address: object) -> None:
    parsed = ip_address(str(address))
    if parsed.is_private or parsed.is_link_local or parsed.is_multicast or parsed.is_loopback:
        assert not is_public(parsed)


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


@pytest.mark.parametrize("address", [address for _, address in SAMPLES if "%" not in address])
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
