"""One rule says which addresses and hosts are public, after IANA's registries of special purposes."""

from __future__ import annotations

import socket
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperround.outbound.addresses import AddressKind, classify_address, is_public, is_public_host

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
# IANA's special-purpose registries (with multicast), less what they call globally reachable as it is.
SPECIAL_PURPOSE = (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
    "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
    "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "255.255.255.255/32", "::1/128", "::/128",
    "64:ff9b:1::/48", "100::/64", "100:0:0:1::/64", "2001::/23", "2001::/32", "2001:2::/48", "2001:10::/28",
    "2001:db8::/32", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "ff00::/8",
)  # fmt: skip
REACHABLE = ("192.31.196.0/24", "192.52.193.0/24", "192.175.48.0/24", "2620:4f:8000::/48")


def list_forms_of_ipv4(address: IPv4Address) -> list[str]:
    """List the ways in which a URL can hold an address of IPv4."""
    number, (a, b, c, d) = int(address), address.packed
    numbers = [
        str(address), f"{address}.", str(number), hex(number), f"0{number:o}",
        f"{a}.{(b << 16) + (c << 8) + d}",
        f"{a:#x}.{b:#x}.{c:#x}.{d:#x}", f"0{a:o}.0{b:o}.0{c:o}.0{d:o}", f"{a}.{b}.{(c << 8) + d}",
        str(address).replace(".", "\u3002"), str(address).replace(".", "\uff0e"),
        "".join(chr(ord("\uff10") + int(digit)) if digit.isdigit() else digit for digit in str(address)),
        "".join(f"%{ord(sign):02x}" for sign in str(address)),
    ]  # fmt: skip
    return [*numbers, f"::ffff:{address}", f"[::ffff:{address}]", f"64:ff9b::{address}"]


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_public_in_each_of_its_forms(address: str) -> None:
    assert is_public(address)
    assert is_public_host(address)


def test_an_address_that_is_not_public_is_known_in_each_of_its_forms() -> None:
    for kind, addresses in NOT_PUBLIC.items():
        for address in addresses:
            assert classify_address(address) is kind, address
            assert not is_public_host(address)


@pytest.mark.parametrize("network", SPECIAL_PURPOSE)
def test_no_address_of_a_special_purpose_is_public_however_it_is_written(network: str) -> None:
    whole = ip_network(network)
    for address in {whole[0], whole[whole.num_addresses // 2], whole[-1]}:
        forms = list_forms_of_ipv4(address) if isinstance(address, IPv4Address) else [str(address)]
        assert not is_public(address)
        assert [form for form in forms if is_public_host(form)] == []


@pytest.mark.parametrize("network", REACHABLE)
def test_what_the_registries_call_globally_reachable_is_public(network: str) -> None:
    whole = ip_network(network)
    assert all(is_public(address) and is_public_host(str(address)) for address in (whole[1], whole[-1]))


@given(st.ip_addresses(v=4))
def test_an_address_of_ipv4_is_of_one_kind_however_it_is_written(address: IPv4Address) -> None:
    kind = classify_address(str(address))
    assert classify_address(f"::ffff:{address}") is kind
    assert classify_address(f"64:ff9b::{address}") is kind
    assert classify_address(ip_address((0x2002 << 112) | (int(address) << 80))) is kind
    assert {is_public_host(form) for form in list_forms_of_ipv4(address)} == {is_public(address)}


@given(
    st.ip_addresses(v=6),
    st.sampled_from([str, lambda address: f"[{address.exploded}]", lambda a: f"{a}%25e"]),
)
def test_links_and_requests_agree_on_every_address(
    address: IPv6Address, write: Callable[[IPv6Address], str]
) -> None:
    assert is_public_host(write(address)) == is_public(address)
    if address.is_private or address.is_link_local or address.is_multicast or address.is_loopback:
        assert not is_public(address)


@given(
    st.lists(
        st.sampled_from(["0", "08", "1", "0x7f", "0x", "127", "256", "4294967296", "x", "", "１"]), max_size=5
    )
)
def test_a_host_in_numbers_is_public_only_where_the_resolver_reads_a_public_address(
    labels: list[str],
) -> None:
    host = ".".join(labels)
    try:
        found = socket.getaddrinfo(host.replace("１", "1"), None, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return
    assert is_public_host(host) <= all(is_public(str(address[0])) for *_, address in found)


@pytest.mark.parametrize(
    "host",
    ["a@10.0.0.1", "x.y@localhost", "x.y＠localhost", "example.org:80", "exam ple.org",
     "10.0.0.1 example.org", "a.localho\u017ft", "a.ｌocal", "router", "a..b", ".", "", "[::1",
     "[v1.fe80::1]", "a.local\u00ad", "127.0.0.1%00.example.org", "example.org\\@10.0.0.1"],
)  # fmt: skip
def test_what_is_no_host_name_or_one_of_a_network_is_not_public(host: str) -> None:
    assert not is_public_host(host)
