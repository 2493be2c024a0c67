"""One form for an address, and no way for anything else to stand in it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperround.text.email_address import NotAnAddress, normalised


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("ada@example.org", "ada@example.org"),
        ("  Ada.Lindqvist+Papers@EXAMPLE.org\n", "ada.lindqvist+papers@example.org"),
        ("ada@bücher.example.org", "ada@xn--bcher-kva.example.org"),
        ("ada@BÜCHER.example.org", "ada@xn--bcher-kva.example.org"),
        ("ada@xn--bcher-kva.example.org", "ada@xn--bcher-kva.example.org"),
        ("o'hara@example.org", "o'hara@example.org"),
    ],
)
def test_an_address_is_kept_in_one_form(typed, kept):
    assert normalised(typed) == kept


@given(st.text(max_size=80) | st.emails())
def test_what_is_kept_is_one_address_of_printable_ascii_and_stays_as_it_is(typed):
    try:
        kept = normalised(typed)
    except NotAnAddress:
        return
    assert kept.isascii()
    assert kept.isprintable()
    assert kept.count("@") == 1
    assert not set(' ,;<>()"\\') & set(kept)
    assert len(kept) <= 254
    assert normalised(kept) == kept


@pytest.mark.parametrize(
    "typed", ["ada", "@example.org", "ada@", "ада@example.org", "a@b", "a b@example.org"]
)
def test_what_is_none_is_refused_with_the_reason(typed):
    with pytest.raises(NotAnAddress, match=r"\w+"):
        normalised(typed)
