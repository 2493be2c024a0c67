"""Addresses that lead to one mailbox are one for limits; others stay apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperround.text.email_address import normalise_email_address
from paperround.text.mailbox import identify_mailbox

LETTERS = st.text("abcxyz0189", min_size=1, max_size=12)
PROVIDERS = (
    "gmail.com", "outlook.com", "hotmail.com", "fastmail.com", "icloud.com", "proton.me", "yandex.ru",
    "example.org",
)  # fmt: skip


@pytest.mark.parametrize("provider", PROVIDERS)
@given(
    name=LETTERS, tag=st.text("abc.-_+", max_size=12).filter(lambda tag: ".." not in tag and tag[-1:] != ".")
)
def test_a_tag_makes_no_other_mailbox(provider: str, name: str, tag: str) -> None:
    assert identify_mailbox(f"{name}+{tag}@{provider}") == identify_mailbox(f"{name}@{provider}")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a.d.a+papers@googlemail.com", "ada@gmail.com"),
        ("a.da@protonmail.com", "ada@pm.me"),
        ("a_d-a@proton.me", "ada@proton.me"),
        ("ada@me.com", "ada@icloud.com"),
        ("a-da@ya.ru", "a.da@yandex.com"),
        ("ada-papers@yahoo.com", "ada@yahoo.com"),
        ("papers@ada.fastmail.com", "ada+x@fastmail.com"),
        ("a@b.ada.fastmail.fm", "ada@fastmail.fm"),
    ],
)
def test_a_providers_spellings_of_a_name_are_one_mailbox(one: str, other: str) -> None:
    assert identify_mailbox(one) == identify_mailbox(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a.da@example.org", "ada@example.org"),
        ("a.da@outlook.com", "ada@outlook.com"),
        ("ada-b@example.org", "ada@example.org"),
        ("ada@gmail.com", "ada@proton.me"),
        ("ada@notgmail.com", "ada@gmail.com"),
        ("ada@notfastmail.com", "ada@fastmail.com"),
        ("+a@example.org", "+b@example.com"),
    ],
)
def test_others_stay_apart(one: str, other: str) -> None:
    assert identify_mailbox(one) != identify_mailbox(other)


@given(st.emails())
def test_every_address_has_a_mailbox_and_it_is_its_own(address: str) -> None:
    try:
        mailbox = identify_mailbox(normalise_email_address(address))
    except ValueError:
        return
    assert identify_mailbox(mailbox) == mailbox
    assert mailbox.count("@") == 1
