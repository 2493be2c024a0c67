"""Assembles messages with text and HTML by hand, because Python's own generator takes ten times as long.

The result is the same as that of `compose_message`; a test compares them.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable
from email.header import Header
from functools import lru_cache
from typing import Final

from paperround.errors import PaperroundError
from paperround.mail.message import to_one_line

SOFT_BREAK: Final = b"=\r\n"  # of a line in quoted-printable; readers take it away
# Text in quoted-printable can't contain this, because there two digits follow an equals sign.
BOUNDARY: Final = "=_part_of_this_message"
ENCODING_HEADER: Final = "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
PLAIN_PART_HEADER: Final = (
    f"--{BOUNDARY}\r\nContent-Type: text/plain; charset=utf-8\r\n{ENCODING_HEADER}".encode()
)
HTML_PART_HEADER: Final = (
    f"--{BOUNDARY}\r\nContent-Type: text/html; charset=utf-8\r\n{ENCODING_HEADER}".encode()
)
HEADER_VALUE: Final = re.compile(r"[ -~]*(?:\r\n [ -~]+)*", re.ASCII)
CLOSING_BOUNDARY: Final = f"\r\n--{BOUNDARY}--\r\n".encode()
MULTIPART_HEADER: Final = (
    f'MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary="{BOUNDARY}"\r\n\r\n'
)


class HeaderInvalid(PaperroundError):
    """A header that would break the message."""

    title = "A header is not valid"


def assemble_message(
    headers: Iterable[tuple[str, str]], text: Iterable[bytes], html: Iterable[bytes]
) -> bytes:
    """Assemble a message from encoded headers (see `encode_header`), text, and HTML as its alternative.

    Text and HTML come in pieces that went through `quote_printable`, so a piece that many messages share is
    encoded once. Raises `HeaderInvalid` for a header with anything but visible ASCII, blanks and folds.
    """
    encoded_headers = list(headers)
    if not all(HEADER_VALUE.fullmatch(value) for _, value in encoded_headers):
        raise HeaderInvalid("A header contains a line break or a character that is not ASCII.")
    head = "".join([f"{name}: {value}\r\n" for name, value in encoded_headers])
    parts = [
        (head + MULTIPART_HEADER).encode("ascii"),
        PLAIN_PART_HEADER,
        *text,
        b"\r\n",
        HTML_PART_HEADER,
        *html,
    ]
    return b"".join([*parts, CLOSING_BOUNDARY])


@lru_cache(maxsize=1000)
def encode_header(header: str, text: str) -> str:
    """Encode the text of a header as in RFC 2047, and fold it."""
    line = to_one_line(text)
    if line.isascii() and len(header) + len(line) < 76 and "=?" not in line:
        return line
    return Header(line, "utf-8", header_name=header, maxlinelen=76).encode(linesep="\r\n")


def quote_printable(text: str) -> bytes:
    """Encode whole lines in quoted-printable."""
    return binascii.b2a_qp(text.replace("\n", "\r\n").encode(), istext=True)


def quote_piece(text: str) -> bytes:
    """Encode text that a soft line break follows. Room is left for it on the last line."""
    return quote_printable(f"{text}x\n")[: -len("x\r\n")]
