"""Signed tokens: valid for their purpose alone, with our keys alone, and until they expire."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from paperround import tokens as tokens_module
from paperround.database import Database
from paperround.settings import Settings
from paperround.tokens import BadToken, SignableValue, Signer

PURPOSES = st.text("abcdefghijklmnopqrstuvwxyz.-", min_size=1, max_size=20)
VALUES = st.one_of(
    st.text(max_size=50), st.integers(), st.lists(st.one_of(st.text(), st.integers()), max_size=3)
)
SIGNER = Signer(["key"])


@given(PURPOSES, VALUES)
def test_a_signed_value_is_read(purpose: str, value: SignableValue) -> None:
    assert SIGNER.read(purpose, SIGNER.sign(purpose, value)) == value


@given(PURPOSES, PURPOSES, VALUES)
def test_a_token_is_valid_for_its_purpose_alone(purpose: str, other: str, value: SignableValue) -> None:
    if purpose != other:
        with pytest.raises(BadToken):
            SIGNER.read(other, SIGNER.sign(purpose, value))


@given(st.text(max_size=200))
def test_a_made_up_token_is_not_read(token: str) -> None:
    with pytest.raises(BadToken):
        SIGNER.read("purpose", token)


@given(VALUES, st.data())
def test_a_changed_token_is_not_read(value: SignableValue, data: st.DataObject) -> None:
    token = SIGNER.sign("purpose", value)
    position = data.draw(st.integers(0, len(token) - 2))  # the last letter has unused bits
    letter = data.draw(st.sampled_from("aZ09-_.").filter(lambda character: character != token[position]))
    with pytest.raises(BadToken):
        SIGNER.read("purpose", token[:position] + letter + token[position + 1 :])


def test_another_key_reads_no_token() -> None:
    with pytest.raises(BadToken):
        Signer(["other"]).read("purpose", SIGNER.sign("purpose", 1))


def test_a_new_key_goes_first_and_old_tokens_stay_valid() -> None:
    old, both, new = Signer(["old"]), Signer(["new", "old"]), Signer(["new"])

    assert both.read("p", old.sign("p", 1)) == 1, "tokens of the old key stay valid"
    assert new.read("p", both.sign("p", 1)) == 1, "the first key signs"
    with pytest.raises(BadToken):
        new.read("p", old.sign("p", 1))


@given(PURPOSES, st.text(max_size=50))
def test_a_sealed_value_is_unsealed_for_its_purpose_alone(purpose: str, value: str) -> None:
    sealed = SIGNER.seal(purpose, value)

    assert SIGNER.unseal(purpose, sealed) == value
    with pytest.raises(BadToken):
        SIGNER.unseal(f"{purpose}s", sealed)


@given(st.integers(0, 10**18), st.data())
def test_a_changed_seal_is_not_unsealed(number: int, data: st.DataObject) -> None:
    sealed = SIGNER.seal("p", str(number))
    position = data.draw(st.integers(0, len(sealed) - 1))
    letter = data.draw(st.sampled_from("09af.").filter(lambda character: character != sealed[position]))

    with pytest.raises(BadToken):
        SIGNER.unseal("p", sealed[:position] + letter + sealed[position + 1 :])


@given(st.text(max_size=100))
def test_a_made_up_seal_is_not_unsealed(sealed: str) -> None:
    with pytest.raises(BadToken):
        SIGNER.unseal("p", sealed)


def test_a_seal_is_short_and_in_lower_case_so_that_it_fits_into_a_mail_address() -> None:
    assert re.fullmatch(r"4711\.[0-9a-f]{20}", SIGNER.seal("message", "4711"))


def test_seals_survive_a_change_of_keys() -> None:
    old, both, new = Signer(["old"]), Signer(["new", "old"]), Signer(["new"])

    assert both.unseal("p", old.seal("p", "1")) == "1", "tokens of the old key stay valid"
    assert new.unseal("p", both.seal("p", "1")) == "1", "the first key seals"
    with pytest.raises(BadToken):
        new.unseal("p", old.seal("p", "1"))


def test_a_token_beyond_the_maximum_age_is_not_read() -> None:
    token = SIGNER.sign("p", 1)

    assert SIGNER.read("p", token, max_age=timedelta(hours=1)) == 1
    with pytest.raises(BadToken):
        SIGNER.read("p", token, max_age=timedelta(seconds=-1))


async def test_without_a_setting_every_process_gets_the_same_key(database_url: str) -> None:
    settings = Settings(_env_file=None)

    async def load_signer() -> Signer:
        async with Database(database_url) as database:
            return await tokens_module.load_signer(database, settings)

    signers = await asyncio.gather(*(load_signer() for _ in range(3)))

    token = signers[0].sign("p", 1)
    assert [signer.read("p", token) for signer in signers] == [1, 1, 1]


async def test_keys_of_the_settings_come_before_the_databases(database: Database) -> None:
    database_signer = await tokens_module.load_signer(database, Settings(_env_file=None))
    settings_signer = await tokens_module.load_signer(
        database, Settings(_env_file=None, secret_key=f"{'one' * 12}, {'two' * 12}")
    )

    assert Signer(["one" * 12]).read("p", settings_signer.sign("p", 1)) == 1
    assert settings_signer.read("p", Signer(["two" * 12]).sign("p", 1)) == 1
    with pytest.raises(BadToken):
        settings_signer.read("p", database_signer.sign("p", 1))


async def test_a_rotated_key_signs_and_the_earlier_one_still_verifies(database: Database) -> None:
    settings = Settings(_env_file=None)
    first = await tokens_module.load_signer(database, settings)
    async with database.write_session() as session:
        assert await tokens_module.rotate_key(session) == 2
    second = await tokens_module.load_signer(database, settings)
    assert second.read("p", first.sign("p", 1)) == 1
    assert second.unseal("p", first.seal("p", "1")) == "1"
    with pytest.raises(BadToken):
        first.read("p", second.sign("p", 1))
    async with database.write_session() as session:
        assert await tokens_module.rotate_key(session, drop_earlier=True) == 1
    third = await tokens_module.load_signer(database, settings)
    assert third.read("p", second.sign("p", 1)) == 1
    with pytest.raises(BadToken):
        third.read("p", first.sign("p", 1))


async def test_a_key_that_is_not_there_can_not_be_rotated(database: Database) -> None:
    with pytest.raises(tokens_module.KeyNotKept):
        async with database.write_session() as session:
            await tokens_module.rotate_key(session)


async def test_what_a_statement_was_given_is_in_no_error(database: Database) -> None:
    with pytest.raises(DBAPIError) as error:
        async with database.read_session() as session:
            await session.execute(text("SELECT CAST(:given AS int)"), {"given": "ada@example.org"})
    assert "parameters" in str(error.value)
    assert "[parameters: {'given': 'ada@example.org'}]" not in str(error.value)


def test_tokens_are_long_and_unique() -> None:
    tokens = {tokens_module.generate_token() for _ in range(1000)}

    assert len(tokens) == 1000
    assert min(map(len, tokens)) >= 43, "256 bits"
