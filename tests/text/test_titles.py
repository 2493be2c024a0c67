"""Short names of papers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperround.text.titles import MAX_SHORT_TITLE_LENGTH, shorten_title


@pytest.mark.parametrize(
    ("title", "short"),
    [
        ("SlowWater: Rivers Without Banks", "SlowWater"),
        ("On Rivers", "On Rivers"),
        (": Rivers", ": Rivers"),
        ("$O(n)$: Rivers", "$O(n)$: Rivers"),
        (f"{'no name ' * 6}: Rivers", f"{'no name ' * 6}: Rivers"),
    ],
)  # fmt: skip
def test_a_name_before_a_colon_is_enough(title: str, short: str) -> None:
    assert shorten_title(title) == short


@given(st.text(max_size=300))
def test_a_short_title_is_short_unless_it_has_formulas(title: str) -> None:
    assert "$" in title or len(shorten_title(title)) <= MAX_SHORT_TITLE_LENGTH
