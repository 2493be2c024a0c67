"""How texts become words, whatever their length."""

from __future__ import annotations

import pytest

from paperround.text import words

from support.time_limits import limited_time


@pytest.mark.parametrize("piece", ["a", "a.", "a-", "a'", "1e9", "a/b", "é", "β"])
def test_a_text_without_a_blank_is_read_in_time(piece: str) -> None:
    text = piece * (words.MAX_TEXT_LENGTH // len(piece)) + "ab"
    with limited_time(1):
        words.split_words(text)
        words.list_spelling_variants(text)


def test_initials_with_dots_are_also_one_word() -> None:
    assert words.list_spelling_variants("i.i.d. in the U.S.A.") == ["iid", "usa"]
