"""Connects to hosts that somebody else names, at public addresses only.

A name is resolved once, its addresses are checked, and the connection goes to one that was checked. So
neither a redirect, nor a name whose address changes between two looks, leads into the operator's network.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Final, Never

import httpcore
import httpx

from paperround.errors import PaperroundError
from paperround.outbound.addresses import (
    AddressKind,
    Network,
    classify_address,
    is_in_networks,
    is_numeric,
    is_public,
    normalise_host,
    parse_address,
)
from paperround.outbound.certificates import create_tls_context, explain_distrust
from paperround.outbound.proxies import ProxyRules

MAX_CONNECTIONS: Final = 100  # of one client, as are httpx's own
KEEP_ALIVE_SECONDS: Final = 5.0
OUT_OF_NETWORKS: Final = "in none of the networks that may be written to without TLS"
# A host that vanished answers no probe, a busy one does: after 30 s of silence the connection is given up,
# however long an answer may take.
LIVENESS: Final = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 15),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 30_000),
)


class AddressRefused(PaperroundError):
    """A host has no address that may be connected to."""

    title = "Not a public address"
    status = 502


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Opens httpcore's connections, to addresses that were checked.

    The operator chose `trusted_hosts`, which may be private. What they are when they are first resolved is
    what the connections after that may lead to besides public addresses: a mirror on a private network may
    redirect within private networks, but never to this machine. Addresses in `networks` may be connected to
    as well; unless `allows_public`, those alone.
    """

    def __init__(
        self,
        trusted_hosts: Iterable[str] = (),
        *,
        networks: Iterable[Network] = (),
        allows_public: bool = True,
    ) -> None:
        self._network = httpcore.AnyIOBackend()
        self._networks = tuple(networks)
        self._allows_public = allows_public
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
        public = frozenset({AddressKind.public} if self._allows_public else ())
        permitted = public.union(*(seen for seen in self._trusted.values() if seen))
        addresses = [
            address
            for address, kind in kinds.items()
            if kind in permitted or is_in_networks(address, self._networks)
        ]
        if not addresses and not self._allows_public:
            raise AddressRefused(f"{host} is {OUT_OF_NETWORKS}.")
        if not addresses:
            named = ", ".join(sorted(set(kinds.values())))
            raise AddressRefused(f"{host} leads to an address that is not public ({named}).")
        return addresses


class GuardedTransport(httpx.AsyncHTTPTransport):
    """httpx's transport on a `GuardedBackend`."""

    def __init__(self, certificates: ssl.SSLContext, backend: GuardedBackend) -> None:
        super().__init__(verify=certificates)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=certificates,
            max_connections=MAX_CONNECTIONS,
            keepalive_expiry=KEEP_ALIVE_SECONDS,
            network_backend=backend,
        )


class RoutedTransport(httpx.AsyncBaseTransport):
    """Sends each request directly, or through the proxy that the environment names for its host.

    `check` looks at each request that goes through a proxy, and may raise. Raises `ProxyUnusable` too, and
    `httpx.ConnectError` with our words where a certificate is not trusted.
    """

    def __init__(
        self,
        direct: httpx.AsyncBaseTransport,
        certificates: ssl.SSLContext,
        check: Callable[[httpx.Request], None] | None = None,
    ) -> None:
        self._rules = ProxyRules.from_environment()
        self._certificates = certificates
        self._check = check
        self._direct = direct
        self._proxied: dict[str, httpx.AsyncHTTPTransport] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        proxy = self._rules.find_proxy(request.url)
        if proxy is not None and self._check is not None:
            self._check(request)
        transport = self._direct if proxy is None else self._open_proxied(proxy)
        try:
            return await transport.handle_async_request(request)
        except httpx.ConnectError as error:
            reason = explain_distrust(error)
            if reason is None:
                raise
            raise httpx.ConnectError(reason, request=request) from error

    def _open_proxied(self, proxy: str) -> httpx.AsyncHTTPTransport:
        if proxy not in self._proxied:
            is_encrypted = proxy.startswith("https:")
            named = httpx.Proxy(proxy, ssl_context=self._certificates if is_encrypted else None)
            self._proxied[proxy] = httpx.AsyncHTTPTransport(verify=self._certificates, proxy=named)
        return self._proxied[proxy]

    async def aclose(self) -> None:
        for transport in (self._direct, *self._proxied.values()):
            await transport.aclose()


def open_client(
    *, trusted_hosts: Iterable[str] = (), headers: Mapping[str, str], max_redirects: int
) -> httpx.AsyncClient:
    """Open a client that follows redirects to public addresses, and to what `trusted_hosts` are.

    Where the environment names a proxy (`HTTPS_PROXY`), names are resolved there, and what the proxy lets
    through is its operator's decision; only addresses written as numbers are checked here then.
    Raises `CertificatesUnusable`.
    """
    trusted = frozenset(normalise_host(host) for host in trusted_hosts)
    certificates = create_tls_context()
    return httpx.AsyncClient(
        headers=headers,
        follow_redirects=True,
        max_redirects=max_redirects,
        transport=RoutedTransport(
            GuardedTransport(certificates, GuardedBackend(trusted)),
            certificates,
            partial(_refuse_numbers, trusted, ()),
        ),
    )


def open_posting_client(*, networks: Iterable[Network], headers: Mapping[str, str]) -> httpx.AsyncClient:
    """Open a client for addresses that anybody may name. It follows no redirect.

    It connects to public addresses by TLS, and to those in `networks` also without. What goes through a proxy
    of the environment is checked as by `open_client`. Raises `CertificatesUnusable`.
    """
    certificates = create_tls_context()
    allowed = tuple(networks)

    def route(check: Callable[[httpx.Request], None], *, allows_public: bool) -> RoutedTransport:
        backend = GuardedBackend(networks=allowed, allows_public=allows_public)
        return RoutedTransport(GuardedTransport(certificates, backend), certificates, check)

    return httpx.AsyncClient(
        headers=headers,
        follow_redirects=False,
        trust_env=False,
        mounts={
            "https://": route(partial(_refuse_numbers, frozenset(), allowed), allows_public=True),
            "http://": route(partial(_require_networks, allowed), allows_public=False),
        },
    )


def open_transport() -> httpx.AsyncBaseTransport:
    """Open a transport for a host that the operator chose, wherever it is. Raises `CertificatesUnusable`."""
    certificates = create_tls_context()
    direct = httpx.AsyncHTTPTransport(verify=certificates, socket_options=LIVENESS)
    return RoutedTransport(direct, certificates)


def describe_routes(addresses: Iterable[str]) -> str:
    """Say which way requests to some addresses go. Raises `ProxyUnusable` and `CertificatesUnusable`."""
    create_tls_context()
    rules = ProxyRules.from_environment()
    proxied: dict[str, list[str]] = {}
    for url in map(httpx.URL, addresses):
        proxy = rules.find_proxy(url)
        if proxy is not None:
            shown = httpx.URL(proxy)
            proxied.setdefault(f"{shown.scheme}://{shown.host}:{shown.port or ''}".rstrip(":"), []).append(
                url.host
            )
    if not proxied:
        return "Requests go directly."
    routes = [f"{', '.join(dict.fromkeys(hosts))} through {proxy}" for proxy, hosts in proxied.items()]
    return f"Requests go to {'; to '.join(routes)}."


def _refuse_numbers(trusted: frozenset[str], networks: Iterable[Network], request: httpx.Request) -> None:
    """Refuse a request through a proxy to an address in numbers that is not public."""
    host = normalise_host(request.url.host)
    address = parse_address(host)
    if host in trusted or (address is not None and is_in_networks(address, networks)):
        return
    is_refused = is_numeric(host) if address is None else not is_public(address)
    if is_refused or host == "localhost" or host.endswith(".localhost"):
        raise AddressRefused(f"{request.url.host} is not a public address.")


def _require_networks(networks: Iterable[Network], request: httpx.Request) -> None:
    """Refuse a request through a proxy to anything but an address in numbers in one of the networks."""
    address = parse_address(normalise_host(request.url.host))
    if address is None or not is_in_networks(address, networks):
        raise AddressRefused(f"{request.url.host} is {OUT_OF_NETWORKS}.")
