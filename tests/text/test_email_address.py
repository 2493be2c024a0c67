"""Email addresses are brought into one form, and anything else is rejected."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperround.text.email_address import EmailAddressInvalid, normalise_email_address


@pytest.mark.parametrize(
    ("typed", "normalised"),
    [
        ("ada@example.org", "ada@example.org"),
        ("  Ada.Lindqvist+Papers@EXAMPLE.org\n", "ada.lindqvist+papers@example.org"),
        ("ada@bücher.example.org", "ada@xn--bcher-kva.example.org"),
        ("ada@BÜCHER.example.org", "ada@xn--bcher-kva.example.org"),
        ("ada@xn--bcher-kva.example.org", "ada@xn--bcher-kva.example.org"),
        ("o'hara@example.org", "o'hara@example.org"),
    ],
)
def test_an_address_is_normalised(typed: str, normalised: str) -> None:
    assert normalise_email_address(typed) == normalised


@given(st.text(max_size=80) | st.emails())
def test_a_normalised_address_is_printable_ascii_and_does_not_change_again(typed: str) -> None:
    try:
        normalised = normalise_email_address(typed)
    except EmailAddressInvalid:
        return
    assert normalised.isascii()
    assert normalised.isprintable()
    assert normalised.count("@") == 1
    assert not set(' ,;<>()"\\') & set(normalised)
    assert len(normalised) <= 254
    assert normalise_email_address(normalised) == normalised


@pytest.mark.parametrize(
    "typed", ["ada", "@example.org", "ada@", "ада@example.org", "a@b", "a b@example.org"]
)
def test_an_invalid_address_is_rejected_with_the_reason(typed: str) -> None:
    with pytest.raises(EmailAddressInvalid, match=r"\w+"):
        normalise_email_address(typed)
