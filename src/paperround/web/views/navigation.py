"""Which part of the site a page belongs to, which its navigation marks."""

from __future__ import annotations

from typing import Final

PAGES: Final = {
    f"/{name}": name for name in ("about", "map", "status", "docs", "saved", "topics", "settings", "sign-in")
} | {"/papers": "daily", "/papers/trending": "trending"}
BEGINNINGS: Final = {
    "/papers/date/": "daily",
    "/papers/week/": "daily",
    "/papers/month/": "daily",
    "/topics/": "topics",
    "/settings/": "settings",
    "/sign-in/": "sign-in",
}


def find_section(path: str, *, is_search: bool = False) -> str:
    """Find the part of the site that a page belongs to, or ''. A search shares its address with `daily`."""
    if is_search:
        return ""
    section = PAGES.get(path)
    if section is not None:
        return section
    return next((name for beginning, name in BEGINNINGS.items() if path.startswith(beginning)), "")
