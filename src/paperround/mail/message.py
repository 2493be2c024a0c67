"""Composes simple messages. No text from outside can become a header of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid, parseaddr
from typing import Final

from paperround.mail.errors import MailSettingsError

CONTROL_CHARACTERS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
POLICY: Final = policy.SMTP.clone(cte_type="7bit")  # a relay that converts 8-bit text breaks signatures


def compose_message(
    *,
    sender: str,
    recipient: str,
    subject: str,
    text: str,
    now: datetime,
    html: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> EmailMessage:
    """Compose a message that a program sends by itself.

    `sender` may have a name: `Ada <ada@example.org>`. Line breaks and control characters in headers become
    blanks. Raises `MailSettingsError` if `sender` has no address.
    """
    message = EmailMessage(policy=POLICY)
    message["From"] = to_one_line(sender)
    message["To"] = to_one_line(recipient)
    message["Subject"] = to_one_line(subject)
    message["Date"] = format_datetime(now)
    message["Message-ID"] = make_msgid(domain=parse_domain(sender))
    message["Auto-Submitted"] = "auto-generated"
    for name, value in (headers or {}).items():
        message[name] = to_one_line(value)
    message.set_content(text)
    if html is not None:
        message.add_alternative(html, subtype="html")
    return message


def to_one_line(text: str) -> str:
    """Replace line breaks and control characters by blanks."""
    return CONTROL_CHARACTERS.sub(" ", text).strip()


def parse_address(sender: str) -> str:
    """Extract the bare address from `Ada <ada@example.org>`. Raises `MailSettingsError` if there is none."""
    address = parseaddr(to_one_line(sender))[1]
    if not address.isascii() or "@" not in address.strip("@"):
        raise MailSettingsError(f"MAIL_FROM {sender!r} has no address such as papers@example.org.")
    return address


def parse_domain(sender: str) -> str:
    """Extract the domain of an address. Raises `MailSettingsError` if there is none."""
    return parse_address(sender).rpartition("@")[2]


def to_bytes(message: EmailMessage | bytes) -> bytes:
    """Convert a message to the bytes that are sent. Bytes must have CRLF line ends already."""
    return message if isinstance(message, bytes) else message.as_bytes(policy=POLICY)
