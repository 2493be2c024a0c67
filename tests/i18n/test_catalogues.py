"""Every catalogue has every message, and nothing in it breaks what is filled in."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Final

import pytest
from babel.messages.catalog import Catalog, Message

from paperround.i18n.extraction import extract_messages, read_catalogue, update_catalogue
from paperround.i18n.languages import CATALOGUES, list_languages, using_language
from paperround.i18n.messages import gettext, ngettext, pgettext

FILES: Final = sorted(CATALOGUES.glob("*.po"))
PLACE: Final = re.compile(r"%\((\w+)\)[sd]|\{(\w+)\}")
TAG: Final = re.compile(r"</?[a-z][^>]*>")
BARE_PERCENT: Final = re.compile(r"%(?!%|\(\w+\)[sd])")


@pytest.fixture(scope="module")
def messages() -> Catalog:
    return extract_messages()


def texts_of(message: Message) -> list[tuple[str, str]]:
    """Pair each translation of a message with what it translates."""
    if isinstance(message.id, str):
        return [(message.id, str(message.string))]
    one, many = message.id
    forms = list(message.string or ())
    return [*((one, text) for text in forms[:-1]), *((many, text) for text in forms[-1:])]


def is_translated(message: Message) -> bool:
    return all(text for _, text in texts_of(message)) and not message.fuzzy


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_catalogue_has_each_message_and_no_other(file: Path, messages: Catalog) -> None:
    wanted = {(message.id, message.context) for message in messages if message.id}
    catalogue = read_catalogue(file)
    there = {(message.id, message.context) for message in catalogue if message.id}
    assert wanted - there == set(), "bring it up to date by `make catalogues`"
    assert there - wanted == set(), "bring it up to date by `make catalogues`"
    assert [message.id for message in catalogue if message.id and not is_translated(message)] == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_translation_fills_in_and_marks_up_what_the_message_does(file: Path) -> None:
    for message in read_catalogue(file):
        for told, translated in texts_of(message) if message.id else ():
            if not translated:
                continue
            places, kept = ({*PLACE.findall(text)} for text in (told, translated))
            # A form for one thing, and a language without articles, may leave the number out.
            assert kept <= places | {("num", "")}, translated
            assert places - kept <= {("num", "")}, translated
            assert Counter(TAG.findall(told)) == Counter(TAG.findall(translated)), translated
            assert not BARE_PERCENT.search(translated.replace("%%", "")), translated


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_catalogue_that_is_brought_up_to_date_stays_as_it_is(
    file: Path, messages: Catalog, tmp_path: Path
) -> None:
    copy = tmp_path / file.name
    copy.write_bytes(file.read_bytes())
    update_catalogue(copy, messages)
    assert copy.read_text(encoding="utf-8") == file.read_text(encoding="utf-8")


def test_a_new_catalogue_begins_empty_and_a_changed_message_is_asked_for_again(
    messages: Catalog, tmp_path: Path
) -> None:
    file = tmp_path / "fr.po"
    update_catalogue(file, messages)
    assert {message.id for message in read_catalogue(file)} == {message.id for message in messages}
    assert not any(is_translated(message) for message in read_catalogue(file) if message.id)


def test_messages_are_filled_in_and_numbers_written_as_the_language_does() -> None:
    assert ngettext("%(num)s paper", "%(num)s papers", 1) == "1 paper"
    assert ngettext("%(num)s paper", "%(num)s papers", 12_340) == "12,340 papers"
    assert gettext("%(num)s of 100%%", num=3) == "3 of 100%"
    for language in list_languages():
        with using_language(language):
            assert "12" in ngettext("%(num)s paper", "%(num)s papers", 12)
    with using_language("de"):
        assert pgettext("nowhere", "not in a catalogue") == "not in a catalogue"
        assert gettext("") == ""
