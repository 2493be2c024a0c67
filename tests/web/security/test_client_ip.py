"""Whom a request comes from: a header is believed only as far as trusted proxies wrote it."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from paperround.web.security.client_ip import find_client, find_client_address, list_networks

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


CLIENTS = ("192.0.2.43", "2001:db8:cafe::17")
WRITTEN = ("{}", "[{}]", "{}:4711", "[{}]:4711", '"{}"', '"[{}]"', '"[{}]:4711"', '"{}:4711"', "  {} ")


def _forms() -> list[tuple[str, str]]:
    """Every way to write each client that isn't ambiguous: a port needs brackets round IPv6."""
    return [
        (client, form.format(client))
        for client in CLIENTS
        for form in WRITTEN
        if not (":" in client and "{}:" in form)
    ]


def _find(**headers: str) -> str:
    named = Headers({name.replace("_", "-"): value for name, value in headers.items()})
    return str(find_client("10.0.0.1", named, PROXIES))


@pytest.mark.parametrize(("client", "written"), _forms())
def test_an_address_may_have_a_port_brackets_and_quotes(client: str, written: str) -> None:
    assert _find(x_forwarded_for=written) == client
    assert _find(x_forwarded_for=f"198.51.100.1, {written}, 10.0.0.7:80, ") == client


@pytest.mark.parametrize("name", ["for", "For", "FOR"])
@pytest.mark.parametrize(("client", "written"), _forms())
def test_forwarded_tells_the_client(client: str, written: str, name: str) -> None:
    element = f"{name}={written.strip()}"
    for header in (
        element,
        f"{element};proto=https;by=203.0.113.43",
        f'proto=https; host="a,for=203.0.113.9;b" ; {element}',
        f"for=198.51.100.1, {element}, for=10.0.0.7",
        f'for="198.51.100.1, {element}',
        f'"{element}\\,"""=;, {element} , for="10.0.0.7:80"',
    ):
        assert _find(forwarded=header) == client, header


@pytest.mark.parametrize(
    "said", ["for=unknown", "for=_hidden", "proto=https", "for=", "for=1.2.3.4;for=1.2.3.5", '"']
)
def test_a_proxy_that_names_nobody_is_the_last_that_is_known(said: str) -> None:
    assert _find(forwarded=f"for=192.0.2.43, {said}") == "10.0.0.1"


def test_where_the_two_headers_differ_neither_is_believed() -> None:
    assert _find(forwarded="for=192.0.2.43", x_forwarded_for="198.51.100.7") == "10.0.0.1"
    assert _find(forwarded="for=192.0.2.43", x_forwarded_for="192.0.2.43:99") == "192.0.2.43"


@given(said=st.text(alphabet='for=";,\\:[]%1. ', max_size=60))
def test_a_stranger_is_not_believed_in_either_header(said: str) -> None:
    headers = Headers({"forwarded": said, "x-forwarded-for": said})
    assert str(find_client("192.0.2.1", headers, PROXIES)) == "192.0.2.1"
    assert _find(forwarded=f"{said}, for=192.0.2.43") == "192.0.2.43"


def test_a_long_header_is_read_in_a_bounded_number_of_steps() -> None:
    assert _find(forwarded='",' * 30_000) == "10.0.0.1"
