"""Signed tokens: only for their purpose, only ours, only in time; keys can be changed."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperround import tokens as the_tokens
from paperround.database import Database
from paperround.settings import Settings
from paperround.tokens import BadToken, Signer

PURPOSES = st.text("abcdefghijklmnopqrstuvwxyz.-", min_size=1, max_size=20)
VALUES = st.one_of(
    st.text(max_size=50), st.integers(), st.lists(st.one_of(st.text(), st.integers()), max_size=3)
)
SIGNER = Signer(["key"])


@given(PURPOSES, VALUES)
def test_what_was_signed_is_read(purpose, value):
    assert SIGNER.read(purpose, SIGNER.sign(purpose, value)) == value


@given(PURPOSES, PURPOSES, VALUES)
def test_a_token_is_good_for_its_purpose_alone(purpose, other, value):
    if purpose != other:
        with pytest.raises(BadToken):
            SIGNER.read(other, SIGNER.sign(purpose, value))


@given(st.text(max_size=200))
def test_nothing_made_up_is_read(token):
    with pytest.raises(BadToken):
        SIGNER.read("purpose", token)


@given(VALUES, st.data())
def test_a_changed_token_is_not_read(value, data):
    token = SIGNER.sign("purpose", value)
    place = data.draw(st.integers(0, len(token) - 2))  # the last letter has bits that say nothing
    letter = data.draw(st.sampled_from("aZ09-_.").filter(lambda one: one != token[place]))
    with pytest.raises(BadToken):
        SIGNER.read("purpose", token[:place] + letter + token[place + 1 :])


def test_another_key_reads_nothing():
    with pytest.raises(BadToken):
        Signer(["other"]).read("purpose", SIGNER.sign("purpose", 1))


def test_keys_are_changed_by_putting_the_new_one_first():
    old, both, new = Signer(["old"]), Signer(["new", "old"]), Signer(["new"])

    assert both.read("p", old.sign("p", 1)) == 1, "what was given out stays good"
    assert new.read("p", both.sign("p", 1)) == 1, "the first key signs"
    with pytest.raises(BadToken):
        new.read("p", old.sign("p", 1))


@given(PURPOSES, st.text(max_size=50))
def test_what_was_sealed_is_unsealed_for_its_purpose_alone(purpose, value):
    sealed = SIGNER.seal(purpose, value)

    assert SIGNER.unseal(purpose, sealed) == value
    with pytest.raises(BadToken):
        SIGNER.unseal(f"{purpose}s", sealed)


@given(st.integers(0, 10**18), st.data())
def test_a_changed_seal_is_not_opened(number, data):
    sealed = SIGNER.seal("p", str(number))
    place = data.draw(st.integers(0, len(sealed) - 1))
    letter = data.draw(st.sampled_from("09af.").filter(lambda one: one != sealed[place]))

    with pytest.raises(BadToken):
        SIGNER.unseal("p", sealed[:place] + letter + sealed[place + 1 :])


@given(st.text(max_size=100))
def test_nothing_made_up_is_unsealed(sealed):
    with pytest.raises(BadToken):
        SIGNER.unseal("p", sealed)


def test_a_seal_is_short_and_in_small_letters_so_that_it_fits_into_a_mail_address():
    assert re.fullmatch(r"4711\.[0-9a-f]{20}", SIGNER.seal("message", "4711"))


def test_seals_survive_a_change_of_keys():
    old, both, new = Signer(["old"]), Signer(["new", "old"]), Signer(["new"])

    assert both.unseal("p", old.seal("p", "1")) == "1", "what was given out stays good"
    assert new.unseal("p", both.seal("p", "1")) == "1", "the first key seals"
    with pytest.raises(BadToken):
        new.unseal("p", old.seal("p", "1"))


def test_an_old_token_is_refused_where_an_age_is_set():
    token = SIGNER.sign("p", 1)

    assert SIGNER.read("p", token, max_age=timedelta(hours=1)) == 1
    with pytest.raises(BadToken):
        SIGNER.read("p", token, max_age=timedelta(seconds=-1))


async def test_without_a_setting_every_process_gets_the_same_key(database_url):
    databases = [Database(database_url) for _ in range(3)]
    settings = Settings(_env_file=None)
    signers = await asyncio.gather(*(the_tokens.signer(database, settings) for database in databases))
    for database in databases:
        await database.close()

    token = signers[0].sign("p", 1)
    assert [signer.read("p", token) for signer in signers] == [1, 1, 1]


async def test_keys_of_the_settings_come_before_the_databases(database):
    kept = await the_tokens.signer(database, Settings(_env_file=None))
    given_ones = await the_tokens.signer(database, Settings(_env_file=None, secret_key="one, two"))

    assert Signer(["one"]).read("p", given_ones.sign("p", 1)) == 1
    assert given_ones.read("p", Signer(["two"]).sign("p", 1)) == 1
    with pytest.raises(BadToken):
        given_ones.read("p", kept.sign("p", 1))


def test_tokens_are_long_and_never_the_same():
    tokens = {the_tokens.new_token() for _ in range(1000)}

    assert len(tokens) == 1000
    assert min(map(len, tokens)) >= 43, "256 bits"
