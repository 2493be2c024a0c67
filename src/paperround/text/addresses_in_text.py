"""Finds the web addresses in a text.

These are pure functions, and none of them raises an error for any text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from paperround.text.links import MAX_URL_LENGTH, normalise_http_url, percent_encode_url

# With a scheme, or as authors write them without one.
ADDRESS: Final = re.compile(
    r"(?<![\w.@/:-])(?:https?://|www\.|(?:github|gitlab)\.com/|huggingface\.co/|(?:arxiv|doi)\.org/)"
    r"[^\s<>\"'“”‘’«»]+",
    re.IGNORECASE,
)
CLOSING: Final = {")": "(", "]": "[", "}": "{"}


def split_addresses(text: str) -> Iterator[tuple[str, str | None]]:
    """Split a text into pieces, each with where it leads: an absolute URL on a public host, or None.

    The pieces together are the text. What ends a sentence or closes a bracket is no part of an address.
    """
    start = 0
    for found in ADDRESS.finditer(text):
        if len(found[0]) > MAX_URL_LENGTH:
            continue
        written = _leave_out_the_end(found[0])
        link = normalise_http_url(written if "://" in written else f"https://{written}")
        if link is not None:
            if start < found.start():
                yield text[start : found.start()], None
            yield written, percent_encode_url(link)
            start = found.start() + len(written)
    if start < len(text):
        yield text[start:], None


def _leave_out_the_end(written: str) -> str:
    """Leave out the signs behind an address: `(https://a.example/b_(c)).` has only one bracket of its own."""
    while written:
        last = written[-1]
        opening = CLOSING.get(last)
        is_own = (
            written.count(last) <= written.count(opening)
            if opening
            else last.isalnum() or last in "/=&#%+-_~$@*"
        )
        if is_own:
            break
        written = written[:-1]
    return written
