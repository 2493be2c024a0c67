"""Normalises links from outside. Only absolute http(s) URLs on public hosts are accepted.

These are pure functions, and none of them raises an error for any text.
"""

from __future__ import annotations

import re
import socket
import unicodedata
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import quote, unquote, urljoin, urlsplit, urlunsplit

from paperround.text.plain import INVISIBLE

MAX_URL_LENGTH = 2_000
BARE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
PATH_CHARACTERS = "/:@!$&'()*+,;=~%"  # that RFC 3986 allows in a path besides letters, digits, `-._`
HOST = re.compile(r"[\w.-]+|[0-9a-f.]*:[0-9a-f:.]+")
GITHUB = re.compile(r"(?:https?://)?(?:www\.)?github\.com/([A-Za-z0-9-]+)/([\w.-]+)(?:[/?#].*)?", re.I | re.A)
NUMERIC_LABEL = re.compile(r"\d+|0x[0-9a-f]*", re.A)
# Names that lead nowhere, or to somewhere else within each network.
PRIVATE_NAME = re.compile(
    r"(?:.*\.)?(?:localhost|localdomain|local|internal|intranet|lan|home|corp|private|arpa|invalid|test|onion)"
)
RESERVED_OWNER = re.compile(
    r"apps|collections|features|marketplace|orgs|search|settings|sponsors|topics|users", re.I
)


def normalise_http_url(text: str | None, *, base: str | None = None) -> str | None:
    """Return an absolute http(s) URL, or None. A path such as /avatars/x.png is resolved against `base`."""
    link = "".join((text or "").split())
    try:
        parts = urlsplit(urljoin(base, link) if base and link.startswith("/") else link)
        host, _ = parts.hostname, parts.port  # a bad port raises ValueError
        url = urlunsplit(parts)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not host or not HOST.fullmatch(host) or "@" in parts.netloc:
        return None
    if not is_public_host(host):
        return None
    # Browsers read a backslash as a slash, so they would open another URL than the one checked here.
    if len(url) > MAX_URL_LENGTH or "\\" in link or INVISIBLE.search(link):
        return None
    return url


def list_public_links(texts: Iterable[str | None] | None) -> list[str]:
    """Return those of some links that are absolute http(s) URLs on public hosts."""
    return [url for text in texts or () if (url := normalise_http_url(text))]


def normalise_github_url(text: str | None) -> str | None:
    """Reduce any URL within a repository to https://github.com/owner/name. Other links stay as they are."""
    match = GITHUB.fullmatch("".join((text or "").split()))
    if not match or RESERVED_OWNER.fullmatch(match[1]) or INVISIBLE.search(match[0]):
        return normalise_http_url(text)
    name = match[2].removesuffix(".git")
    return f"https://github.com/{match[1]}/{name}" if name.strip(".") else normalise_http_url(text)


def percent_encode_url(url: str) -> str:
    """Percent-encode what may not stand in a URL (RFC 3986), such as spaces, quotes and letters beyond ASCII.

    What is encoded already stays as it is.
    """
    try:
        scheme, host, path, query, fragment = urlsplit(BARE_PERCENT.sub("%25", url))
    except ValueError:
        return quote(url, safe=PATH_CHARACTERS)
    return urlunsplit(
        (
            scheme,
            quote(host, safe=f"[]{PATH_CHARACTERS}"),
            quote(path, safe=PATH_CHARACTERS),
            quote(query, safe=f"?{PATH_CHARACTERS}"),
            quote(fragment, safe=f"?{PATH_CHARACTERS}"),
        )
    )


def is_public_host(host: str) -> bool:
    """Tell whether a URL's host, as it is written, may be anywhere but in a network of somebody's own.

    Names are not looked up. Addresses are read as browsers read them: `127.1`, `0x7f000001`,
    `::ffff:10.0.0.1`.
    """
    name = unicodedata.normalize("NFKC", unquote(host)).replace("\u3002", ".").lower().removesuffix(".")
    if ":" in name:
        return _is_public_ipv6(name)
    if NUMERIC_LABEL.fullmatch(name.rpartition(".")[2]):
        return _is_public_ipv4(name)
    return "." in name.strip(".") and ".." not in name and not PRIVATE_NAME.fullmatch(name)


def _is_public_ipv4(text: str) -> bool:
    try:
        address = IPv4Address(socket.inet_aton(text))
    except (OSError, ValueError):
        return False
    return address.is_global and not address.is_multicast


def _is_public_ipv6(text: str) -> bool:
    try:
        address = IPv6Address(text.strip("[]").partition("%")[0])
    except ValueError:
        return False
    within = address.ipv4_mapped or address.sixtofour or (address.teredo and address.teredo[1])
    if within is None and int(address) >> 32 in (0, 0x64FF9B << 64):  # compatible with IPv4, and NAT64
        within = IPv4Address(int(address) & 0xFFFFFFFF)
    return address.is_global and not address.is_multicast and (not within or within.is_global)
