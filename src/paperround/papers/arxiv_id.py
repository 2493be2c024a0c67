"""Parses arXiv ids: `2510.12345` since 2007 and `astro-ph/0601001` before.

A version such as `v2` may follow.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Final

BARE_ID: Final = r"(?:\d{4}\.\d{4,5}|[a-z][a-z-]{1,15}(?:\.[A-Z]{2})?/\d{7})"
PAPER_URL: Final = re.compile(
    rf"(?:arxiv:\s*|(?:https?://)?(?:[\w.-]+(?::\d+)?)/(?:abs|pdf|html|papers|format)/)"
    rf"({BARE_ID}(?:v[1-9]\d{{0,2}})?)(?:\.pdf|\.md)?/?(?:[?#].*)?",
    re.I | re.A,
)
_WITH_VERSION: Final = re.compile(rf"({BARE_ID})(?:v[1-9]\d{{0,2}})?", re.ASCII)


def strip_version(value: str) -> str:
    """Parse an id and strip its version. Raises ValueError for anything else."""
    match = _WITH_VERSION.fullmatch(value.strip())
    if not match:
        raise ValueError(f"{value[:60]!r} is not an arXiv id")
    return match.group(1)


def parse_id_or_url(text: str) -> str | None:
    """Parse an id or the URL of a paper (here, on the hub or on arXiv). Returns None for anything else."""
    match = PAPER_URL.fullmatch(text.strip())
    try:
        return strip_version(match[1] if match else text)
    except ValueError:
        return None


def parse_version(value: str) -> int | None:
    """Parse the version at the end of an id. Returns None if there is none."""
    _, separator, digits = value.strip().rpartition("v")
    return int(digits) if separator and digits.isdecimal() and len(digits) <= 3 else None


def names_a_month(paper_id: str) -> bool:
    """Tell whether the month in an id is one of the twelve."""
    return 1 <= int(paper_id.rpartition("/")[2][2:4]) <= 12


def first_day_of_month(paper_id: str) -> date:
    """The first day of the month that an id names. The paper cannot be older."""
    digits = paper_id.rpartition("/")[2]
    year, month = int(digits[:2]), int(digits[2:4])
    return date(1900 + year if year > 90 else 2000 + year, min(max(month, 1), 12), 1)
