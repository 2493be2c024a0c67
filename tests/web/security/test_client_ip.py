"""Whom a request comes from: a header is believed only as far as trusted proxies wrote it."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperround.web.security.client_ip import find_client_address, list_networks

PROXIES = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))

proxies = st.one_of(
    st.ip_addresses(network="10.0.0.0/8"), st.ip_addresses(network="fd00::/8"), st.just("::ffff:10.1.2.3")
).map(str)
strangers = st.ip_addresses().filter(lambda a: not any(a in n for n in PROXIES) and not _mapped(a))
rubbish = st.text(st.characters(blacklist_characters=","), max_size=20)
anything = st.lists(st.one_of(proxies, strangers.map(str), rubbish), max_size=6)


def _mapped(address: IPv4Address | IPv6Address) -> bool:
    return isinstance(address, IPv6Address) and address.ipv4_mapped is not None


@given(client=strangers, written=anything, chain=st.lists(proxies, max_size=4), front=proxies)
def test_behind_trusted_proxies_it_is_the_last_stranger_whatever_the_client_wrote(
    client: IPv4Address | IPv6Address, written: list[str], chain: list[str], front: str
) -> None:
    forwarded = ", ".join([*written, str(client), *chain])
    assert find_client_address(front, forwarded, PROXIES) == client


@given(peer=strangers, forwarded=anything.map(",".join))
def test_a_stranger_is_not_believed(peer: IPv4Address | IPv6Address, forwarded: str) -> None:
    assert find_client_address(str(peer), forwarded, PROXIES) == peer


@given(peer=st.one_of(proxies, strangers.map(str), rubbish), forwarded=anything.map(",".join))
def test_with_nobody_trusted_it_is_the_peer(peer: str, forwarded: str) -> None:
    assert find_client_address(peer, forwarded, ()) == find_client_address(peer, "", ())


@given(peer=st.one_of(proxies, strangers.map(str), rubbish), forwarded=st.text(max_size=80))
def test_nothing_that_is_sent_raises(peer: str, forwarded: str) -> None:
    list_networks(find_client_address(peer, forwarded, PROXIES))


@pytest.mark.parametrize(
    ("address", "networks"),
    [
        ("192.0.2.77", ["192.0.2.0/24", "192.0.0.0/16"]),
        ("2001:db8:1:2f3:3:4:5:6", ["2001:db8:1:2f3::/64", "2001:db8:1:200::/56", "2001:db8:1::/48"]),
        (None, ["unknown"]),
    ],
)
def test_networks_are_what_one_party_may_have_the_narrowest_first(
    address: str | None, networks: list[str]
) -> None:
    assert list_networks(ip_address(address) if address else None) == networks


def test_ipv4_in_ipv6s_clothes_is_ipv4() -> None:
    assert find_client_address("::ffff:192.0.2.1", "", ()) == ip_address("192.0.2.1")
