"""arXiv ids: `2510.12345` since 2007, `astro-ph/0601001` before; `v2` at the end names a version."""

from __future__ import annotations

import re
from datetime import date
from typing import Final

BARE: Final = r"(?:\d{4}\.\d{4,5}|[a-z][a-z-]{1,15}(?:\.[A-Z]{2})?/\d{7})"
ADDRESS: Final = re.compile(
    rf"(?:arxiv:\s*|(?:https?://)?(?:[\w.-]+(?::\d+)?)/(?:abs|pdf|html|papers|format)/)"
    rf"({BARE}(?:v[1-9]\d{{0,2}})?)(?:\.pdf|\.md)?/?(?:[?#].*)?",
    re.I | re.A,
)
_WITH_VERSION: Final = re.compile(rf"({BARE})(?:v[1-9]\d{{0,2}})?", re.ASCII)


def bare_id(value: str) -> str:
    """The id without its version. Raises ValueError for anything that isn't one."""
    match = _WITH_VERSION.fullmatch(value.strip())
    if not match:
        raise ValueError(f"{value[:60]!r} is not an arXiv id")
    return match.group(1)


def named(text: str) -> str | None:
    """The id, if the text is one, or the address of a paper: here, on the hub or on arXiv."""
    address = ADDRESS.fullmatch(text.strip())
    try:
        return bare_id(address[1] if address else text)
    except ValueError:
        return None


def version(value: str) -> int | None:
    """The version that an id names, if it names one."""
    _, mark, digits = value.strip().rpartition("v")
    return int(digits) if mark and digits.isdecimal() and len(digits) <= 3 else None


def first_of_month(paper_id: str) -> date:
    """The first day of the month that an id was given in: the earliest that the paper can be from."""
    digits = paper_id.rpartition("/")[2]
    year, month = int(digits[:2]), int(digits[2:4])
    return date(1900 + year if year > 90 else 2000 + year, min(max(month, 1), 12), 1)
