"""Finds the address that a request comes from: the peer's, or what trusted proxies report."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

from fastapi import Request
from pydantic import IPvAnyNetwork
from starlette.datastructures import Headers

from paperround.outbound.addresses import Address, unmap_address
from paperround.settings import Settings
from paperround.web.dependencies import settings_of

IPV4_PREFIXES: Final = (24, 16)
IPV6_PREFIXES: Final = (64, 56, 48)
ADDRESS_WITH_PORT: Final = re.compile(
    r"\[([0-9A-Fa-f:.]+(?:%[^\]]*)?)\](?::[0-9]{1,5})?|([0-9.]+):[0-9]{1,5}"
)
NAME: Final = r"[\w!#$%&'*+.^`|~-]++"
# Brackets and colons should be quoted (RFC 7239, 4); some proxies leave the quotes out.
PAIR: Final = rf"""({NAME})=("(?:[^"\\]|\\.)*+"|[\w!#$%&'*+.^`|~:\[\]-]++)"""
FORWARDED_PAIR: Final = re.compile(PAIR, re.ASCII)
FORWARDED_ELEMENT: Final = re.compile(rf"\s*+{PAIR}(?:\s*+;\s*+{PAIR})*+\s*+;?\s*+", re.ASCII)
MAX_COMMAS_IN_ELEMENT: Final = 8


def find_client_address(peer: str, forwarded: str, trusted: Sequence[IPvAnyNetwork]) -> Address | None:
    """Return the last hop that is not a trusted proxy. Anybody can have written what stands before it.

    `forwarded` is X-Forwarded-For, to whose end each proxy adds the address that it heard from. Returns None
    if the peer has no address.
    """
    return _follow_hops(parse_address(peer), reversed(forwarded.split(",")), trusted)


def find_client(peer: str, headers: Headers, trusted: Sequence[IPvAnyNetwork]) -> Address | None:
    """Return the client's address by `X-Forwarded-For` or `Forwarded` (RFC 7239).

    A proxy writes one of them and may pass on the other as the client wrote it, so where both are there and
    differ neither is believed, and it is the peer.
    """
    listed = ",".join(headers.getlist("x-forwarded-for"))
    described = ",".join(headers.getlist("forwarded"))
    address = parse_address(peer)
    found = {
        _follow_hops(address, hops, trusted)
        for text, hops in ((listed, reversed(listed.split(","))), (described, _read_forwarded(described)))
        if text.strip()
    }
    return found.pop() if len(found) == 1 else address


def _follow_hops(
    address: Address | None, hops: Iterable[str], trusted: Sequence[IPvAnyNetwork]
) -> Address | None:
    """Go from the peer's address through `hops`, the nearest first, as far as proxies are trusted."""
    for said in hops:
        if address is None or not is_in_networks(address, trusted):
            break
        if not said.strip():  # RFC 9110: a list may have empty elements
            continue
        told = parse_address(said)
        if told is None:
            break
        address = told
    return address


def _read_forwarded(header: str) -> Iterator[str]:
    """Yield each element's `for` of a `Forwarded` header, the last element first.

    It is read from its end, so that a quote that a client left open swallows nothing that a proxy added.
    An element that can't be read, or names nobody, is yielded as `unknown`.
    """
    pieces = header.split(",")
    while pieces:
        element = pieces.pop()
        for _ in range(MAX_COMMAS_IN_ELEMENT):  # a quoted value may have commas
            if not element.strip() or FORWARDED_ELEMENT.fullmatch(element) or not pieces:
                break
            element = f"{pieces.pop()},{element}"
        if element.strip():
            yield _find_for(element)


def _find_for(element: str) -> str:
    if not FORWARDED_ELEMENT.fullmatch(element):
        return "unknown"
    named = [value for name, value in FORWARDED_PAIR.findall(element) if name.lower() == "for"]
    return named[0] if len(named) == 1 else "unknown"


def parse_address(text: str) -> Address | None:
    """Parse an address, which may be quoted, bracketed or followed by a port, as proxies write them.

    IPv4 that is mapped into IPv6 (`::ffff:192.0.2.1`) becomes IPv4.
    """
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1].strip()
    with_port = ADDRESS_WITH_PORT.fullmatch(text)
    bare = (with_port[1] or with_port[2]) if with_port else text
    try:
        return unmap_address(ip_address(bare.split("%")[0]))
    except ValueError:
        return None


def is_in_networks(address: Address, networks: Sequence[IPvAnyNetwork]) -> bool:
    return any(address in network for network in networks)


def is_trusted_proxy(peer: str, settings: Settings) -> bool:
    """Tell whether whoever is connected is a trusted proxy, whose headers are believed."""
    address = parse_address(peer)
    return address is not None and is_in_networks(address, settings.trusted_proxies)


def list_networks(address: Address | None) -> Sequence[str]:
    """List the networks that an address is in and one party may have, the narrowest first.

    One party commonly has a /24 of IPv4 or a /64 of IPv6, and some have more.
    """
    if address is None:
        return ["unknown"]
    lengths = IPV6_PREFIXES if isinstance(address, IPv6Address) else IPV4_PREFIXES
    return [str(ip_network((address, length), strict=False)) for length in lengths]


def find_source_networks(request: Request) -> Sequence[str]:
    """Return the networks that a request comes from, as rate limits count them, the narrowest first."""
    peer = request.client.host if request.client else ""
    return list_networks(find_client(peer, request.headers, settings_of(request).trusted_proxies))


def find_source_network(request: Request) -> str:
    """Return the narrowest network that a request comes from."""
    return find_source_networks(request)[0]
