"""Reads what a client accepts and what it already has. Pure functions of headers."""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache
from typing import Final

from paperround.text.http_date import parse_http_date

# Read by programs.
PROGRAM_ADDRESSES: Final = ("/api/", "/feeds/", "/mcp", "/.well-known/", "/healthz", "/readyz")
FILE_ADDRESS: Final = re.compile(
    r"\.(?:md|bib|ris)$|^/(?:papers|organizations|authors|venues|saved|topics)\b.*\.json$"
)
MAX_ENTRIES: Final = 30  # of a header's list that are read
QUALITY: Final = re.compile(r"\bq=\s*([01](?:\.\d{0,3})?)")


def is_for_people(path: str) -> bool:
    """Tell whether people read what is at a path, in their own language.

    Addresses of the API answer programs whatever they accept, and so do files that the hub's client reads.
    """
    return not (path.startswith(PROGRAM_ADDRESSES) or FILE_ADDRESS.search(path))


@lru_cache(maxsize=256)
def _weigh(header: str) -> dict[str, float]:
    """Read a list such as `gzip, br;q=0.5` into the weight of each name."""
    weights: dict[str, float] = {}
    for entry in header.split(",")[:MAX_ENTRIES]:
        name, _, parameters = entry.partition(";")
        weight = QUALITY.search(parameters)
        weights[name.strip().lower()] = float(weight[1]) if weight else 1.0
    return weights


def prefers_markdown(accept: str) -> bool:
    """Tell whether a client wants Markdown rather than a page: it names it, weighing no less than HTML."""
    weights = _weigh(accept)
    markdown = weights.get("text/markdown", 0.0)
    return markdown > 0 and markdown >= weights.get("text/html", 0.0)


def accepts_gzip(accept_encoding: str) -> bool:
    """Tell whether a client reads gzip. One that says nothing of it gets the plain bytes."""
    weights = _weigh(accept_encoding)
    return weights.get("gzip", weights.get("*", 0.0)) > 0


def is_known(
    etag: str, modified: datetime | None, *, if_none_match: str | None, if_modified_since: str | None
) -> bool:
    """Tell whether a client has this version. An ETag precedes a time (RFC 9110, 13.2.2)."""
    if if_none_match is not None:
        return if_none_match.strip() == "*" or etag.removeprefix("W/") in [
            one.strip().removeprefix("W/") for one in if_none_match.split(",")
        ]
    since = parse_http_date(if_modified_since or "")
    return since is not None and modified is not None and modified.replace(microsecond=0) <= since
