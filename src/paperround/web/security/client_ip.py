"""Finds the address that a request comes from: the peer's, or what trusted proxies report."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

from fastapi import Request
from pydantic import IPvAnyNetwork

from paperround.settings import Settings
from paperround.web.dependencies import settings_of

Address = IPv4Address | IPv6Address
IPV4_PREFIXES: Final = (24, 16)
IPV6_PREFIXES: Final = (64, 56, 48)


def find_client_address(peer: str, forwarded: str, trusted: Sequence[IPvAnyNetwork]) -> Address | None:
    """Return the last hop that is not a trusted proxy. Anybody can have written what stands before it.

    `forwarded` is X-Forwarded-For, to whose end each proxy adds the address that it heard from. Returns None
    if the peer has no address.
    """
    address = _parse_address(peer)
    for said in reversed(forwarded.split(",")):
        if address is None or not _is_in_networks(address, trusted):
            break
        told = _parse_address(said)
        if told is None:
            break
        address = told
    return address


def _parse_address(text: str) -> Address | None:
    """Parse an address. IPv4 that is mapped into IPv6 (`::ffff:192.0.2.1`) becomes IPv4."""
    try:
        address = ip_address(text.strip().split("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _is_in_networks(address: Address, networks: Sequence[IPvAnyNetwork]) -> bool:
    return any(address in network for network in networks)


def is_trusted_proxy(peer: str, settings: Settings) -> bool:
    """Tell whether whoever is connected is a trusted proxy, whose headers are believed."""
    address = _parse_address(peer)
    return address is not None and _is_in_networks(address, settings.trusted_proxies)


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
    forwarded = ",".join(request.headers.getlist("x-forwarded-for"))
    return list_networks(find_client_address(peer, forwarded, settings_of(request).trusted_proxies))


def find_source_network(request: Request) -> str:
    """Return the narrowest network that a request comes from."""
    return find_source_networks(request)[0]
