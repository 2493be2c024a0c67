"""Whole lists of announcements as arXiv serves them, each with one thing wrong."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from paperround.feeds.arxiv import xml
from paperround.feeds.arxiv.record import parse_record
from paperround.feeds.http import FeedUnreadable
from paperround.papers.record import RecordUnreadable

FILES = Path(__file__).parent / "announcement_files"
DAY = date(2026, 11, 27)


def is_readable(record: object) -> bool:
    try:
        parse_record(record, ["cs.AI", "cs.CL", "cs.CV", "cs.LG"])
    except RecordUnreadable:
        return False
    return True


@pytest.mark.parametrize(
    ("name", "day", "listed", "read"),
    [
        ("good", DAY, 6, 6),
        ("vt", DAY, 6, 5),
        ("nbsp", DAY, 6, 5),
        ("amp", DAY, 6, 5),
        ("latin1decl", DAY, 6, 6),  # it says latin-1 and is UTF-8
        ("stale", date(2026, 11, 26), 6, 6),  # yesterday's batch under today's date of the build
        ("empty", DAY, 0, 0),
    ],
)
def test_one_bad_record_leaves_the_others(name: str, day: date, listed: int, read: int) -> None:
    announcements = xml.parse_announcements((FILES / f"{name}.xml").read_bytes(), "text/xml")
    assert announcements.day == day
    assert len(announcements.entries) == listed
    assert sum(map(is_readable, announcements.entries)) == read


def test_a_list_that_is_cut_off_is_refused() -> None:
    with pytest.raises(FeedUnreadable, match="not a complete feed"):
        xml.parse_announcements((FILES / "truncated.xml").read_bytes(), "text/xml")
