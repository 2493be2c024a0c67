"""Reads a message from outside into its parts. Its size, lines, headers, parts and depth are bounded.

Header values stay raw text of a bounded length: Python's parsers of structured headers take quadratic time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from email import message_from_string
from email.header import decode_header
from email.message import Message
from email.parser import BytesFeedParser
from email.policy import Compat32
from typing import Final

from paperround.errors import PaperroundError

MAX_REPORT_SIZE: Final = 1_000_000  # bytes that are read of a message; what matters stands in front
MAX_LINES: Final = 20_000  # that are read of it
MAX_PARTS: Final = 100  # also the groups of fields in a report, and the depth
MAX_HEADER_LENGTH: Final = 4_000  # characters of a header that are read
MAX_REPEATS: Final = 20  # of one header, that are looked at
RETURNED_MESSAGE_TYPES: Final = (
    "message/rfc822",
    "text/rfc822-headers",
    "message/global",
    "message/global-headers",
)


class ReportUnreadable(PaperroundError):
    """No report, and no wish to unsubscribe: somebody's answer, or noise."""

    title = "Not a report"
    status = 400


class ReportTooComplex(ReportUnreadable):
    """The message is made so that reading it would take too long, or that its reader fails."""

    title = "Not a message that can be read"


class _BoundedPolicy(Compat32):
    """Cuts headers while they are read."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines[:MAX_LINES])
        return name[:MAX_HEADER_LENGTH], value[:MAX_HEADER_LENGTH]


POLICY: Final = _BoundedPolicy()


class _Counter:
    """Makes the parts of one message, up to a number."""

    def __init__(self) -> None:
        self._made = 0

    def __call__(self, **_: object) -> Message:
        self._made += 1
        if self._made > MAX_PARTS:
            raise ReportTooComplex(f"It has more than {MAX_PARTS} parts.")
        return Message(POLICY)


def read_message(body: bytes) -> Message:
    """Read a message. What is past the bounds of size and lines is not looked at.

    Raises `ReportTooComplex`.
    """
    parser = BytesFeedParser(_Counter(), policy=POLICY)
    parser.feed(_cut(body))
    return parser.close()


def _cut(body: bytes) -> bytes:
    """Cut a body after so many bytes and lines. A lone CR ends a line too."""
    body = body[:MAX_REPORT_SIZE]
    for number, end in enumerate(re.finditer(rb"\r\n?|\n", body), start=1):
        if number == MAX_LINES:
            return body[: end.end()]
    return body


def get_headers(part: Message, name: str) -> Iterator[str]:
    """Yield a header's values: plain text on one line each, as it stood, encoded words decoded."""
    for number, value in enumerate(part.get_all(name, [])):
        if number >= MAX_REPEATS:
            return
        yield " ".join(_decode(str(value)).split())


def get_header(part: Message, name: str) -> str:
    """Return a header's first value, or nothing."""
    return next(get_headers(part, name), "")


def _decode(value: str) -> str:
    if "=?" not in value:
        return value
    try:
        pieces = decode_header(value)
        return "".join(
            piece.decode(charset or "ascii", "replace") if isinstance(piece, bytes) else piece
            for piece, charset in pieces
        )
    except (ValueError, LookupError):  # an unknown character set, or broken Base64
        return value


def list_parts(message: Message) -> Iterator[Message]:
    """Yield a message and its parts, without those of messages that are enclosed in it."""
    yield message
    if message.get_content_maintype() == "multipart" and message.is_multipart():
        for part in message.get_payload():
            if isinstance(part, Message):
                yield from list_parts(part)


def get_text(part: Message) -> str:
    """Return a part's text, decoded. Nothing for one that has parts of its own."""
    body = part.get_payload(decode=True)
    if not isinstance(body, bytes):
        return ""
    try:
        return body.decode(part.get_content_charset("utf-8"), "replace")
    except (LookupError, ValueError):
        return body.decode("utf-8", "replace")


def list_field_groups(part: Message) -> Iterator[Message]:
    """Yield the groups of fields of a `message/delivery-status`, or of another part that is made of them.

    The parser knows only the plain kind. Others it takes for a message, or for text that is still encoded.
    """
    payload = part.get_payload()
    groups = [group for group in payload if isinstance(group, Message)] if isinstance(payload, list) else []
    encoding = get_header(part, "Content-Transfer-Encoding").lower()
    if part.get_content_subtype() == "delivery-status" and encoding not in ("base64", "quoted-printable"):
        yield from groups
        return
    text = "\n\n".join(_write_group(group) for group in groups) if groups else get_text(part)
    if groups and encoding in ("base64", "quoted-printable"):
        encoded = Message(POLICY)
        encoded["Content-Transfer-Encoding"] = encoding
        encoded.set_payload(text)
        text = get_text(encoded)
    for fields in re.split(r"\n[ \t]*\n", text.replace("\r\n", "\n"), maxsplit=MAX_PARTS)[:MAX_PARTS]:
        yield message_from_string(fields.strip("\n"), _class=Message, policy=POLICY)


def _write_group(group: Message) -> str:
    body = group.get_payload()
    fields = "\n".join(f"{name}: {value}" for name, value in group.items())
    return f"{fields}\n\n{body if isinstance(body, str) else ''}".strip("\n")
