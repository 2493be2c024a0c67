"""Normalises links from outside. Only absolute http(s) URLs on public hosts are accepted.

These are pure functions, and none of them raises an error for any text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

from paperround.outbound.addresses import is_public_host
from paperround.text.plain import INVISIBLE

MAX_URL_LENGTH = 2_000
BARE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
PATH_CHARACTERS = "/:@!$&'()*+,;=~%"  # that RFC 3986 allows in a path besides letters, digits, `-._`
HOST = re.compile(r"[\w.-]+|[0-9a-f.]*:[0-9a-f:.]+")
GITHUB = re.compile(r"(?:https?://)?(?:www\.)?github\.com/([A-Za-z0-9-]+)/([\w.-]+)(?:[/?#].*)?", re.I | re.A)
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
