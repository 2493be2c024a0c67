"""Decodes files of unknown encoding. These are pure functions."""

from __future__ import annotations

import codecs
from typing import Final

BYTE_ORDER_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark its own begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
SAMPLE_SIZE: Final = 4000  # bytes that show which half of UTF-16's characters is empty


def decode_file(content: bytes) -> str:
    """Decode a file by its mark, else as UTF-16 or UTF-8 if it is that, else as Windows' Latin. Never fails.

    Lines end with a line feed, whatever ended them, and there is no NUL.
    """
    text = content.decode(_guess_encoding(content), "replace")
    return text.replace("\0", "").replace("\r\n", "\n").replace("\r", "\n")


def _guess_encoding(content: bytes) -> str:
    for mark, encoding in BYTE_ORDER_MARKS:
        if content.startswith(mark):
            return encoding
    sample = content[:SAMPLE_SIZE]
    if sample.count(0) > len(sample) // 4:
        return "utf-16-le" if sample[1::2].count(0) > sample[::2].count(0) else "utf-16-be"
    try:
        content.decode()
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"
