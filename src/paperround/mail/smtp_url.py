"""Which server mail goes to, and how the way there is protected: read from `SMTP_URL`."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import parse_qs, unquote, urlsplit

from paperround.mail.errors import MailSettingsError

Protection = Literal["starttls", "tls", "none"]
PORTS: Final[dict[Protection, int]] = {"starttls": 587, "tls": 465, "none": 25}
EXAMPLE: Final = "such as smtp://user:password@mail.example.org:587"


@dataclass(frozen=True)
class SmtpServer:
    """Where to connect and with what; `protection` is demanded, never only tried."""

    host: str
    port: int
    protection: Protection
    user: str | None = None
    password: str | None = None

    @classmethod
    def parse(cls, url: str) -> SmtpServer:
        """`smtp://` demands STARTTLS and `smtps://` speaks TLS from the start, certificates verified.

        A server on this machine is spoken to in plain unless `?tls=required`; elsewhere only `?tls=off`
        allows that, and never with a password. Raises `MailSettingsError`.
        """
        try:
            parts = urlsplit(url)
            port, query = parts.port, parse_qs(parts.query, strict_parsing=bool(parts.query))
        except ValueError as error:
            raise MailSettingsError(f"SMTP_URL can't be read ({error}). Give one {EXAMPLE}.") from error
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname or parts.path not in ("", "/"):
            raise MailSettingsError(f"SMTP_URL is no address of a mail server. Give one {EXAMPLE}.")
        host = parts.hostname
        protection = _protection(parts.scheme, host, query)
        user = unquote(parts.username) if parts.username else None
        if user and protection == "none" and not is_loopback(host):
            raise MailSettingsError("SMTP_URL has a password and `tls=off`: it would be sent in plain.")
        password = unquote(parts.password) if parts.password else None
        return cls(host, port or PORTS[protection], protection, user, password)


def is_loopback(host: str) -> bool:
    """Whether a host's name or address is this very machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _protection(scheme: str, host: str, query: dict[str, list[str]]) -> Protection:
    wanted = query.pop("tls", [None])[-1]
    if query or wanted not in (None, "off", "required"):
        raise MailSettingsError("SMTP_URL may end in `?tls=off` or `?tls=required`, nothing else.")
    if scheme == "smtps":
        if wanted == "off":
            raise MailSettingsError("SMTP_URL says smtps:// and `tls=off`. Decide for one.")
        return "tls"
    if wanted == "off" or (wanted is None and is_loopback(host)):
        return "none"
    return "starttls"
