"""Refuses requests for another host, such as one whose owner pointed its name at this site."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

import structlog
from fastapi import Request
from starlette.responses import Response

from paperround.mail.smtp_url import is_loopback
from paperround.outbound.addresses import is_public_host
from paperround.settings import Settings
from paperround.web import errors
from paperround.web.dependencies import settings_of
from paperround.web.security.client_ip import find_client, is_trusted_proxy

logger = structlog.get_logger(__name__)

PROBES: Final = ("/healthz", "/readyz")  # asked by programs that know only our address; they tell nothing
ANY_ADDRESS: Final = ("0.0.0.0", "::")  # noqa: S104 (compared, not bound)
MAX_HOST_LENGTH: Final = 260  # characters: a name of 253, and a port
NO_HOST: Final = "The request has no `Host`, or more than one."
OTHER_HOST: Final = (
    "This site is not known by that name. Its operator names it with PAPERROUND_PUBLIC_URL or "
    "PAPERROUND_ALLOWED_HOSTS; a proxy has to pass `Host` on."
)


def is_allowed_host(host: str, settings: Settings) -> bool:
    """Tell whether `host`, with or without a port, is a name of this site or of this machine.

    Without `PUBLIC_URL`, a site that listens on every address answers to any IP address too: nobody can
    point those here.
    """
    name = _parse_host_name(host) if len(host) <= MAX_HOST_LENGTH else ""
    if not name:
        return False
    if is_loopback(name) or name in _list_names(settings):
        return True
    return settings.public_url is None and settings.host in ANY_ADDRESS and _is_ip_address(name)


def _list_names(settings: Settings) -> frozenset[str]:
    return _parse_names(settings.address, settings.host, *settings.allowed_hosts)


@lru_cache(maxsize=64)
def _parse_names(address: str, *hosts: str) -> frozenset[str]:
    names = {urlsplit(address).hostname, *(_parse_host_name(host) for host in hosts)}
    return frozenset(name for name in names if name and name not in ANY_ADDRESS)


@lru_cache(maxsize=1024)
def _parse_host_name(host: str) -> str:
    """Return the name in lower case without port, brackets and final dot. '' if it can't be one."""
    bare = f"[{host}]" if _is_ip_address(host) and ":" in host else host
    try:
        parts = urlsplit(f"//{bare}")
        name, _ = parts.hostname or "", parts.port  # a bad port raises ValueError
    except ValueError:
        return ""
    return name.removesuffix(".") if parts.netloc == bare and "@" not in bare else ""


def _is_ip_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def comes_from_outside(request: Request, host: str) -> bool:
    """Tell whether somebody elsewhere made the request: by a public `Host`, or through a trusted proxy."""
    peer, settings = request.client.host if request.client else "", settings_of(request)
    if is_public_host(_parse_host_name(host)):
        return True
    client = find_client(peer, request.headers, settings.trusted_proxies)
    return is_trusted_proxy(peer, settings) and client is not None and not client.is_loopback


class HostGuard:
    """Answers for the site's own names alone."""

    def __init__(self) -> None:
        self._has_warned = False  # that links lead nowhere; once is enough

    async def refuse(self, request: Request) -> Response | None:
        """Refuse a request for another host."""
        if request.scope["path"] in PROBES:
            return None
        hosts = request.headers.getlist("host")
        if len(hosts) != 1:
            return await errors.build_error_response(request, 400, NO_HOST)
        self._warn_of_local_links(request, hosts[0])
        if not is_allowed_host(hosts[0], settings_of(request)):
            return await errors.build_error_response(request, 421, OTHER_HOST)
        return None

    def _warn_of_local_links(self, request: Request, host: str) -> None:
        """Log once that readers elsewhere get links to their own machine."""
        settings = settings_of(request)
        if self._has_warned or not settings.links_stay_here or not comes_from_outside(request, host):
            return
        self._has_warned = True
        logger.warning(
            "requests come from outside, but links lead to this machine",
            links=settings.address,
            advice="Set PAPERROUND_PUBLIC_URL to the address that readers use.",
        )
