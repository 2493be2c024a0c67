"""Refuses requests for another host, such as one whose owner pointed its name at this site."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from fastapi import Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from paperround.mail.smtp_url import is_loopback
from paperround.settings import Settings
from paperround.web import errors
from paperround.web.dependencies import settings_of

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


class HostGuard:
    """A middleware that answers for the site's own names alone."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in PROBES:
            request = Request(scope)
            hosts = Headers(scope=scope).getlist("host")
            if len(hosts) != 1:
                response = await errors.build_error_response(request, 400, NO_HOST)
            elif not is_allowed_host(hosts[0], settings_of(request)):
                response = await errors.build_error_response(request, 421, OTHER_HOST)
            else:
                await self.app(scope, receive, send)
                return
            await response(scope, receive, send)
            return
        await self.app(scope, receive, send)
