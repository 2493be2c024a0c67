"""Simple messages with the right headers, in which nothing from outside can become a header of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid, parseaddr
from typing import Final

from paperround.mail.errors import MailSettingsError

CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
POLICY: Final = policy.SMTP.clone(cte_type="7bit")  # relays may take no more, and then break signatures


def compose(
    *,
    sender: str,
    recipient: str,
    subject: str,
    text: str,
    now: datetime,
    html: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> EmailMessage:
    """A message that a program sends by itself; `sender` may have a name: `Ada <ada@example.org>`.

    Line breaks and control characters in headers become blanks.
    """
    message = EmailMessage(policy=POLICY)
    message["From"] = one_line(sender)
    message["To"] = one_line(recipient)
    message["Subject"] = one_line(subject)
    message["Date"] = format_datetime(now)
    message["Message-ID"] = make_msgid(domain=domain_of(sender))
    message["Auto-Submitted"] = "auto-generated"
    for name, value in (headers or {}).items():
        message[name] = one_line(value)
    message.set_content(text)
    if html is not None:
        message.add_alternative(html, subtype="html")
    return message


def one_line(text: str) -> str:
    return CONTROLS.sub(" ", text).strip()


def address_of(sender: str) -> str:
    """The bare address within `Ada <ada@example.org>`. Raises `MailSettingsError` when there is none."""
    address = parseaddr(one_line(sender))[1]
    if not address.isascii() or "@" not in address.strip("@"):
        raise MailSettingsError(f"MAIL_FROM {sender!r} has no address such as papers@example.org.")
    return address


def domain_of(sender: str) -> str:
    return address_of(sender).rpartition("@")[2]


def as_bytes(message: EmailMessage | bytes) -> bytes:
    """As it goes over the wire. Bytes must be in that form already: every line ends with CRLF."""
    return message if isinstance(message, bytes) else message.as_bytes(policy=POLICY)
