"""Which language is chosen, for a browser's wishes whatever they look like."""

from __future__ import annotations

import pytest
from babel import localedata
from hypothesis import given
from hypothesis import strategies as st

from paperround.i18n.languages import (
    choose_language,
    find_direction,
    find_locale,
    get_language,
    list_languages,
    using_language,
)


@pytest.mark.parametrize(
    ("wished", "language"),
    [
        ("de", "de"),
        ("DE-at,en;q=0.5", "de"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh-Hans"),
        ("zh-Hans-SG", "zh-Hans"),
        ("zh", "zh-Hans"),
        ("zh-TW", "en"),
        ("zh-Hant,de;q=.4", "de"),
        ("fr, de;q=0.4, en;q=0.8", "en"),
        ("en;q=0.1, de;q=0.9", "de"),
        ("de;q=0, *", "en"),
        ("tlh", "en"),
        ("", "en"),
        ("de;q=nonsense, ;;;, zh", "zh-Hans"),
    ],
)
def test_the_most_wished_language_of_a_catalogue_is_chosen(wished: str, language: str) -> None:
    assert choose_language(wished) == language


@given(st.text(max_size=700))
def test_any_header_leads_to_a_language_of_the_interface(header: str) -> None:
    assert choose_language(header) in list_languages()


def test_languages_are_listed_by_their_own_names_with_english_first() -> None:
    assert next(iter(list_languages().items())) == ("en", "English")
    assert list_languages()["de"] == "Deutsch"
    assert list_languages()["zh-Hans"] == "简体中文"
    assert {find_direction(tag) for tag in list_languages()} == {"ltr"}


def test_a_language_is_in_use_until_the_block_ends() -> None:
    with using_language("de"):
        assert get_language() == "de"
    assert get_language() == "en"


@pytest.mark.parametrize("language", list_languages())
def test_of_what_the_cldr_knows_only_what_is_said_here_is_kept(language: str) -> None:
    kept = localedata.load(str(find_locale(language)))
    assert kept["months"]
    assert not {section for section in kept if "currency" in section}
    assert all(unit.startswith("duration-") for unit in kept["unit_patterns"])
