"""How texts become words, whatever their length."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


SIGNS = "aB1éβ .-'/&_\u2011\u2019\n\t#+*"


@given(st.text(SIGNS, max_size=60) | st.text(max_size=60))
def test_what_is_indexed_is_a_texts_words_and_then_their_other_spellings(text: str) -> None:
    indexed = words.list_indexed_words(text)
    assert indexed == [*words.split_words(text), *words.list_spelling_variants(text)]
    folded = words.fold_text(text)
    initialisms = [found.replace(".", "") for found in words.INITIALISM.findall(folded)]
    assert set(initialisms) <= set(indexed)
    for joined in words.JOINED.findall(folded):
        if joined.count("-") == 1 and joined.replace("-", "").isalnum() and not joined.endswith("-s"):
            assert joined.replace("-", "") in indexed
