"""Parses `SMTP_URL`: which server mail goes to, and how the connection is protected."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import parse_qs, unquote, urlsplit

from paperround.mail.errors import MailSettingsError

Protection = Literal["starttls", "tls", "none"]
DEFAULT_PORTS: Final[dict[Protection, int]] = {"starttls": 587, "tls": 465, "none": 25}
EXAMPLE_TEXT: Final = "such as smtp://user:password@mail.example.org:587"


@dataclass(frozen=True)
class SmtpServer:
    """Where to connect and how. Without the demanded `protection` nothing is sent."""

    host: str
    port: int
    protection: Protection
    user: str | None = None
    password: str | None = None

    @classmethod
    def parse(cls, url: str) -> SmtpServer:
        """Parse an address: `smtp://` demands STARTTLS, and `smtps://` speaks TLS from the start.

        Certificates are verified. The connection to a server on this machine is not encrypted, unless
        `?tls=required` demands it. Elsewhere only `?tls=off` allows that, and never with a password.
        Raises `MailSettingsError`.
        """
        try:
            parts = urlsplit(url)
            port, query = parts.port, parse_qs(parts.query, strict_parsing=bool(parts.query))
        except ValueError as error:
            raise MailSettingsError(f"SMTP_URL can't be read ({error}). Give one {EXAMPLE_TEXT}.") from error
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname or parts.path not in ("", "/"):
            raise MailSettingsError(f"SMTP_URL is not the address of a mail server. Give one {EXAMPLE_TEXT}.")
        host = parts.hostname
        protection = _choose_protection(parts.scheme, host, query)
        user = unquote(parts.username) if parts.username else None
        if user and protection == "none" and not is_loopback(host):
            raise MailSettingsError("SMTP_URL has a password and `tls=off`: it would be sent in plain.")
        password = unquote(parts.password) if parts.password else None
        return cls(host, port or DEFAULT_PORTS[protection], protection, user, password)


def is_loopback(host: str) -> bool:
    """Tell whether a host name or an IP address means this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _choose_protection(scheme: str, host: str, query: dict[str, list[str]]) -> Protection:
    tls_option = query.pop("tls", [None])[-1]
    if query or tls_option not in (None, "off", "required"):
        raise MailSettingsError("SMTP_URL may end in `?tls=off` or `?tls=required`, nothing else.")
    if scheme == "smtps":
        if tls_option == "off":
            raise MailSettingsError("SMTP_URL has both smtps:// and `tls=off`. Remove one of them.")
        return "tls"
    if tls_option == "off" or (tls_option is None and is_loopback(host)):
        return "none"
    return "starttls"
