"""Tells addresses within this site from those that only look like it."""

from __future__ import annotations

from urllib.parse import urlsplit


def keep_local(address: str) -> str:
    """Return a path on this site with its query, or '' for anything else, such as `//example.org`."""
    odd = any(ord(letter) < 33 or letter == "\\" for letter in address)
    if odd or not address.startswith("/") or address.startswith("//"):
        return ""
    parts = urlsplit(address)
    return "" if parts.scheme or parts.netloc else address
