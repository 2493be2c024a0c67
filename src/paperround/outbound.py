"""Connects to hosts that somebody else names, at public addresses only.

A name is resolved once, its addresses are checked, and the connection goes to one that was checked. So
neither a redirect, nor a name whose address changes between two looks, leads into the operator's network.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable, Mapping
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, Never
from urllib.request import getproxies, proxy_bypass

import httpcore
import httpx

from paperround.errors import PaperroundError

Address = IPv4Address | IPv6Address

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

MAX_CONNECTIONS: Final = 100  # of one client, as are httpx's own
KEEP_ALIVE_SECONDS: Final = 5.0


class AddressKind(StrEnum):
    """Where an address leads."""

    public = "public"
    private = "private"
    loopback = "loopback"
    link_local = "link-local"
    special = "special"  # unspecified, multicast, reserved, or a tunnel


class AddressRefused(PaperroundError):
    """A host has no address that may be connected to."""

    title = "Not a public address"
    status = 502


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


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Opens httpcore's connections, to addresses that were checked.

    The operator chose `trusted_hosts`, which may be private. What they are when they are first resolved is
    what the connections after that may lead to besides public addresses: a mirror on a private network may
    redirect within private networks, but never to this machine.
    """

    def __init__(self, trusted_hosts: Iterable[str] = ()) -> None:
        self._network = httpcore.AnyIOBackend()
        self._trusted: dict[str, frozenset[AddressKind] | None] = dict.fromkeys(
            host.strip("[]").lower() for host in trusted_hosts
        )

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 (httpcore's signature)
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first of the host's permitted addresses that answers. Raises `AddressRefused`."""
        last_error: httpcore.ConnectError | httpcore.ConnectTimeout | None = None
        for address in await self._resolve(host, port, timeout):
            try:
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                last_error = error
        raise last_error or httpcore.ConnectError(f"{host} has no address")

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109, ARG002 (httpcore's signature)
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,  # noqa: ARG002
    ) -> Never:
        raise AddressRefused(f"{path} is a socket of this machine.")

    async def sleep(self, seconds: float) -> None:
        await self._network.sleep(seconds)

    async def _resolve(self, host: str, port: int, seconds: float | None) -> list[str]:
        """Resolve a host to the addresses that may be connected to. Raises `AddressRefused` if none may."""
        try:
            async with asyncio.timeout(seconds):
                found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(f"no address of {host} in time") from error
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"{host} can't be resolved") from error
        kinds = {str(address[0]): classify_address(str(address[0])) for *_, address in found}
        name = host.strip("[]").lower()
        if name in self._trusted and self._trusted[name] is None:
            self._trusted[name] = frozenset(kinds.values())
        permitted = frozenset({AddressKind.public}).union(*(seen for seen in self._trusted.values() if seen))
        addresses = [address for address, kind in kinds.items() if kind in permitted]
        if not addresses:
            named = ", ".join(sorted(set(kinds.values())))
            raise AddressRefused(f"{host} leads to an address that is not public ({named}).")
        return addresses


class GuardedTransport(httpx.AsyncHTTPTransport):
    """httpx's transport on a `GuardedBackend`."""

    def __init__(self, trusted_hosts: Iterable[str] = ()) -> None:
        certificates = httpx.create_ssl_context()
        super().__init__(verify=certificates)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=certificates,
            max_connections=MAX_CONNECTIONS,
            keepalive_expiry=KEEP_ALIVE_SECONDS,
            network_backend=GuardedBackend(trusted_hosts),
        )


def open_client(
    *, trusted_hosts: Iterable[str] = (), headers: Mapping[str, str], max_redirects: int
) -> httpx.AsyncClient:
    """Open a client that follows redirects to public addresses, and to what `trusted_hosts` are.

    Where the environment names a proxy (`HTTPS_PROXY`), names are resolved there, and what the proxy lets
    through is its operator's decision; only addresses written as numbers are checked here then.
    """
    trusted = tuple(trusted_hosts)
    if _is_proxied(trusted):
        return httpx.AsyncClient(
            headers=headers,
            follow_redirects=True,
            max_redirects=max_redirects,
            event_hooks={"request": [_NumberCheck(trusted)]},
        )
    return httpx.AsyncClient(
        headers=headers,
        follow_redirects=True,
        max_redirects=max_redirects,
        transport=GuardedTransport(trusted),
    )


def _is_proxied(hosts: Iterable[str]) -> bool:
    return bool({"http", "https", "all"} & set(getproxies())) and not any(
        proxy_bypass(host) for host in hosts
    )


class _NumberCheck:
    """A hook of httpx that refuses requests to addresses in numbers that are not public."""

    def __init__(self, trusted_hosts: tuple[str, ...]) -> None:
        self._trusted = {host.strip("[]").lower() for host in trusted_hosts}

    async def __call__(self, request: httpx.Request) -> None:
        host = request.url.host
        if host.lower() in self._trusted:
            return
        try:
            # As the resolver reads it: `127.1` and `0x7f000001` are addresses too.
            found = socket.getaddrinfo(host, None, flags=socket.AI_NUMERICHOST)
        except (OSError, UnicodeError):
            is_refused = host.lower().rstrip(".").endswith("localhost")
        else:
            is_refused = not all(is_public(str(address[0])) for *_, address in found)
        if is_refused:
            raise AddressRefused(f"{host} is not a public address.")
