"""Which proxy a request goes through, by `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`.

One rule for all our clients. Libraries differ in how they read `NO_PROXY`; here an entry is a host with all
below it, an address or a network, each with a port or without, or `*`.
"""

from __future__ import annotations

import importlib.util
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final, Self
from urllib.request import getproxies

import httpx

from paperround.errors import PaperroundError
from paperround.outbound.addresses import NAME, is_numeric, normalise_host, parse_address, unmap_address

DEFAULT_PORTS: Final = {"http": 80, "https": 443}
SCHEMES: Final = ("http", "https", "socks5", "socks5h")
BRACKETED: Final = re.compile(r"\[(?P<host>[^\]]*)\](?::(?P<port>\d+))?")
WITH_PORT: Final = re.compile(r"(?P<host>[^:]*):(?P<port>\d+)")


class ProxyUnusable(PaperroundError):
    """The environment names a proxy that requests can't go through."""

    title = "The proxy can't be used"


@dataclass(frozen=True)
class NoProxyEntry:
    """One entry of `NO_PROXY`. `port` is None for every port."""

    host: str
    network: IPv4Network | IPv6Network | None
    port: int | None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse an entry such as `.example.org`, `[fd00::]/8`, `10.0.0.0/8`, `[::1]:8080` or `*.lan`.

        What can't be read matches nothing.
        """
        entry = text.strip().lower().rpartition("://")[2]
        if "/" in entry:
            return cls("", _parse_network(entry.replace("[", "").replace("]", "")), None)
        match = BRACKETED.fullmatch(entry) or WITH_PORT.fullmatch(entry)
        name = normalise_host(_to_unicode(match["host"] if match else entry))
        port = int(match["port"]) if match and match["port"] else None
        address = parse_address(name)
        return cls(name.lstrip("."), _parse_network(str(unmap_address(address))) if address else None, port)

    def matches(self, host: str, port: int | None) -> bool:
        """Tell whether a normalised host is meant."""
        if self.port is not None and port != self.port:
            return False
        address = parse_address(host)
        if self.network is not None:
            return address is not None and unmap_address(address) in self.network
        if "*" in self.host:
            return fnmatchcase(host, self.host) or self.host == f"*.{host}"
        is_below = host.endswith(f".{self.host}") and not is_numeric(host)
        return bool(self.host) and (host == self.host or is_below)


@dataclass(frozen=True)
class ProxyRules:
    """The proxies of the environment by scheme (`http`, `https`, `all`), and what goes past them."""

    proxies: dict[str, str]
    exceptions: tuple[NoProxyEntry, ...]

    @classmethod
    def from_environment(cls) -> Self:
        """Read the environment as it is now. Nothing of it is checked yet."""
        named = getproxies()
        entries = re.split(r"[\s,]+", named.pop("no", ""))
        return cls(named, tuple(NoProxyEntry.parse(entry) for entry in entries if entry))

    def find_proxy(self, url: httpx.URL) -> str | None:
        """Find the URL of the proxy for a request; None if it goes directly. Raises `ProxyUnusable`."""
        variable = url.scheme if self.proxies.get(url.scheme) else "all"
        proxy = self.proxies.get(variable)
        host, port = normalise_host(url.host), url.port or DEFAULT_PORTS.get(url.scheme)
        if not proxy or any(entry.matches(host, port) for entry in self.exceptions):
            return None
        return _check_proxy(f"{variable.upper()}_PROXY", proxy.strip())


def _check_proxy(variable: str, address: str) -> str:
    """Return a proxy's URL with its scheme. Raises `ProxyUnusable`, which tells no password."""
    advice = f"Write {variable} as http://host:port or socks5://host:port."
    whole = address if "://" in address else f"http://{address}"
    try:
        url = httpx.URL(whole)
        if url.scheme == "socks":  # as desktops write it
            url = url.copy_with(scheme="socks5")
    except httpx.InvalidURL as error:
        raise ProxyUnusable(f"{variable} is not an address.", advice=advice) from error
    host = normalise_host(url.host)
    is_host = NAME.fullmatch(host) is not None or parse_address(host) is not None
    if not is_host or url.scheme not in SCHEMES:
        kind = f"a proxy of the kind {url.scheme}, which isn't known here" if is_host else "no host"
        raise ProxyUnusable(f"{variable} names {kind}.", advice=advice)
    if url.scheme.startswith("socks") and importlib.util.find_spec("socksio") is None:
        raise ProxyUnusable(
            f"{variable} names a SOCKS proxy, for which a library is missing.",
            advice="Install it with pip install 'paperround[socks]', or list hosts in NO_PROXY.",
        )
    return str(url)


def _to_unicode(name: str) -> str:
    """Write an international name as `httpx.URL.host` does."""
    try:
        return (
            httpx.URL(scheme="http", host=name).host if name.startswith("xn--") or ".xn--" in name else name
        )
    except httpx.InvalidURL:
        return name


def _parse_network(text: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(text.partition("%")[0], strict=False)
    except ValueError:
        return None
