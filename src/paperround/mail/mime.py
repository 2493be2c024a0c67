"""A message with text and HTML, put together by hand: Python's own generator takes ten times as long.

What it makes is what `compose` makes; a test compares them.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable
from email.header import Header
from functools import lru_cache
from typing import Final

from paperround.mail.message import one_line

# No text in quoted-printable can hold it: there an equals sign is followed by two digits.
BOUNDARY: Final = "=_part_of_this_message"
ENCODING: Final = "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
PLAIN: Final = f"--{BOUNDARY}\r\nContent-Type: text/plain; charset=utf-8\r\n{ENCODING}".encode()
HTML: Final = f"--{BOUNDARY}\r\nContent-Type: text/html; charset=utf-8\r\n{ENCODING}".encode()
VALUE: Final = re.compile(r"[ -~]*(?:\r\n [ -~]+)*", re.ASCII)
END: Final = f"\r\n--{BOUNDARY}--\r\n".encode()
OPENING: Final = f'MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary="{BOUNDARY}"\r\n\r\n'


def assembled(headers: Iterable[tuple[str, str]], text: Iterable[bytes], html: Iterable[bytes]) -> bytes:
    """Headers as they are given (see `encoded`), text first, HTML as its alternative.

    Both come in pieces, each `quoted`: so one that many messages share is encoded once. Raises `ValueError`
    for a header with anything in it but visible ASCII, blanks and folds.
    """
    given = list(headers)
    if not all(VALUE.fullmatch(value) for _, value in given):
        raise ValueError("A header has a line break or a character of its own in it.")
    head = "".join([f"{name}: {value}\r\n" for name, value in given])
    parts = [(head + OPENING).encode("ascii"), PLAIN, *text, b"\r\n", HTML, *html]
    return b"".join([*parts, END])


@lru_cache(maxsize=1000)
def encoded(header: str, text: str) -> str:
    """A header's text as RFC 2047 has it, folded."""
    line = one_line(text)
    if line.isascii() and len(header) + len(line) < 76 and "=?" not in line:
        return line
    return Header(line, "utf-8", header_name=header, maxlinelen=76).encode(linesep="\r\n")


def quoted(text: str) -> bytes:
    """Whole lines in quoted-printable."""
    return binascii.b2a_qp(text.replace("\n", "\r\n").encode(), istext=True)
