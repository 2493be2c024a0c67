"""Which part of the site the navigation marks."""

from __future__ import annotations

import pytest

from paperround.web.views.navigation import find_section


@pytest.mark.parametrize(
    ("path", "section"),
    [
        ("/papers", "daily"),
        ("/papers/date/2026-11-20", "daily"),
        ("/papers/week/2026-W47", "daily"),
        ("/papers/month/2026-11", "daily"),
        ("/papers/trending", "trending"),
        ("/papers/trending/week/2026-W47", ""),
        ("/papers/2611.00001", ""),
        ("/topics", "topics"),
        ("/topics/12/history", "topics"),
        ("/topicsandmore", ""),
        ("/saved", "saved"),
        ("/settings/zotero", "settings"),
        ("/sign-in/sent", "sign-in"),
        ("/about", "about"),
        ("/status", "status"),
        ("/docs", "docs"),
        ("/", ""),
    ],
)
def test_the_section_of_a_page(path: str, section: str) -> None:
    assert find_section(path) == section


def test_a_search_is_no_part_of_the_daily_papers() -> None:
    assert find_section("/papers", is_search=True) == ""
