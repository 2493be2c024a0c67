"""Which addresses and hosts are of the public internet, by one rule for links, requests and redirects.

These are pure functions. Names are never looked up.
"""

from __future__ import annotations

import re
import socket
import unicodedata
from collections.abc import Iterable
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final
from urllib.parse import unquote

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# Own lists after IANA's registries, since those of `ipaddress` differ between releases of Python.
PRIVATE: Final = tuple(
    ip_network(network)
    for network in (
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "fc00::/7", "fec0::/10",
    )
)  # fmt: skip
# 192.88.99.0/24: relays of 6to4; 2001::/23: protocols, Teredo among them; the last two: documentation.
SPECIAL: Final = tuple(
    ip_network(network)
    for network in (
        "0.0.0.0/8", "192.88.99.0/24", "224.0.0.0/4", "240.0.0.0/4", "2001::/23", "2001:db8::/32",
        "3fff::/20",
    )
)  # fmt: skip
UNICAST: Final = IPv6Network("2000::/3")  # all of IPv6 that is given out to the public
NAT64: Final = IPv6Network("64:ff9b::/96")
COMPATIBLE: Final = IPv6Network("::/96")  # IPv4 in the last 32 bits, long abolished
ISATAP: Final = (0x0000_5EFE, 0x0200_5EFE)  # the third quarter of an address that holds one of IPv4

NAME: Final = re.compile(r"[\w-]+(?:\.[\w-]+)*")
NUMERIC_LABEL: Final = re.compile(r"\d+|0x[0-9a-f]*", re.A)
# Names that lead nowhere, or to somewhere else within each network.
PRIVATE_NAME: Final = re.compile(
    r"(?:.*\.)?(?:localhost|localdomain|local|internal|intranet|lan|home|corp|private|arpa|invalid|test|onion)"
)


class AddressKind(StrEnum):
    """Where an address leads."""

    public = "public"
    private = "private"
    loopback = "loopback"
    link_local = "link-local"
    special = "special"  # unspecified, multicast, reserved, or a tunnel


def classify_address(address: str | Address) -> AddressKind:
    """Tell where an address leads. One that holds an IPv4 address is of that one's kind, if not public.

    Raises `ValueError` for a text that is no address.
    """
    parsed = ip_address(address) if isinstance(address, str) else address
    if isinstance(parsed, IPv4Address) or parsed.is_loopback or parsed.is_unspecified:
        return _classify_plain(parsed)
    held = _find_held_ipv4(parsed)
    if held is not None:
        kind = _classify_plain(held)
        may_be_public = parsed.ipv4_mapped is not None or parsed in NAT64 or parsed in UNICAST
        return kind if kind is not AddressKind.public or may_be_public else AddressKind.special
    return _classify_plain(parsed)


def is_public(address: str | Address) -> bool:
    """Tell whether an address is one of the public internet. Raises `ValueError` for other texts."""
    return classify_address(address) is AddressKind.public


def is_public_host(host: str) -> bool:
    """Tell whether a URL's host, as it is written, may be anywhere but in a network of somebody's own."""
    name = normalise_host(host)
    if is_numeric(name):
        address = parse_address(name)
        return address is not None and is_public(address)
    return "." in name and NAME.fullmatch(name) is not None and not PRIVATE_NAME.fullmatch(name)


def normalise_host(host: str) -> str:
    """Bring a URL's host into the form in which browsers read it: one case, one kind of dot, no final dot."""
    name = unicodedata.normalize("NFKC", unquote(host)).replace("\u3002", ".").lower().removesuffix(".")
    return name[1:-1] if name.startswith("[") and name.endswith("]") else name


def is_numeric(name: str) -> bool:
    """Tell whether browsers and resolvers read a normalised host as an address, be it a valid one or not."""
    return ":" in name or NUMERIC_LABEL.fullmatch(name.rpartition(".")[2]) is not None


def parse_address(name: str) -> Address | None:
    """Parse an address as browsers and resolvers do: `127.1`, `0x7f000001`, `::ffff:10.0.0.1`, `fe80::1%2`.

    Returns None for names, and for numbers that are no address.
    """
    try:
        if ":" in name:
            return IPv6Address(name.partition("%")[0])
        is_whole = NAME.fullmatch(name) is not None  # `inet_aton` overlooks what follows a blank
        return IPv4Address(socket.inet_aton(name)) if is_whole and is_numeric(name) else None
    except (OSError, ValueError):
        return None


def unmap_address(address: Address) -> Address:
    """Return the IPv4 address within one of IPv6 that only maps it (`::ffff:192.0.2.1`)."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def is_in_networks(address: str | Address, networks: Iterable[Network]) -> bool:
    """Tell whether an address is in one of some networks, which may be written in either form of IP.

    Raises `ValueError` for a text that is no address.
    """
    parsed = unmap_address(ip_address(address) if isinstance(address, str) else address)
    return any(parsed in network for network in networks)


def _classify_plain(address: Address) -> AddressKind:
    """Classify an address that holds no other one."""
    if address.is_loopback:
        return AddressKind.loopback
    if address.is_link_local:
        return AddressKind.link_local
    if any(address in network for network in PRIVATE):
        return AddressKind.private
    is_special = any(address in network for network in SPECIAL)
    is_given_out = isinstance(address, IPv4Address) or address in UNICAST
    return AddressKind.public if is_given_out and not is_special else AddressKind.special


def _find_held_ipv4(address: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that one of IPv6 stands for: mapped, translated or tunnelled."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    last = IPv4Address(int(address) & 0xFFFF_FFFF)
    if address in NAT64 or address in COMPATIBLE or (int(address) >> 32) & 0xFFFF_FFFF in ISATAP:
        return last
    return None
