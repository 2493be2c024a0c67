"""Connects to hosts that somebody else names, at public addresses only.

A name is resolved once, its addresses are checked, and the connection goes to one that was checked. So
neither a redirect, nor a name whose address changes between two looks, leads into the operator's network.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable, Mapping
from typing import Final, Never
from urllib.request import getproxies, proxy_bypass

import httpcore
import httpx

from paperround.errors import PaperroundError
from paperround.outbound.addresses import (
    AddressKind,
    classify_address,
    is_numeric,
    is_public,
    normalise_host,
    parse_address,
)

MAX_CONNECTIONS: Final = 100  # of one client, as are httpx's own
KEEP_ALIVE_SECONDS: Final = 5.0


class AddressRefused(PaperroundError):
    """A host has no address that may be connected to."""

    title = "Not a public address"
    status = 502


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Opens httpcore's connections, to addresses that were checked.

    The operator chose `trusted_hosts`, which may be private. What they are when they are first resolved is
    what the connections after that may lead to besides public addresses: a mirror on a private network may
    redirect within private networks, but never to this machine.
    """

    def __init__(self, trusted_hosts: Iterable[str] = ()) -> None:
        self._network = httpcore.AnyIOBackend()
        self._trusted: dict[str, frozenset[AddressKind] | None] = dict.fromkeys(
            normalise_host(host) for host in trusted_hosts
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
        name = normalise_host(host)
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
        self._trusted = {normalise_host(host) for host in trusted_hosts}

    async def __call__(self, request: httpx.Request) -> None:
        host = normalise_host(request.url.host)
        if host in self._trusted:
            return
        address = parse_address(host)
        is_refused = is_numeric(host) if address is None else not is_public(address)
        if is_refused or host == "localhost" or host.endswith(".localhost"):
            raise AddressRefused(f"{request.url.host} is not a public address.")
