"""What stands in the search box is read without ever failing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperround.papers.arxiv_id import named
from paperround.search.query_syntax import LONGEST, read


def test_words_are_folded_and_signs_fall_away():
    question = read("  Müller's GPT-4, and/or   C++ ")
    assert question.words == "muller s gpt 4 and c"
    assert " or " not in question.wanted
    assert question.text == "Müller's GPT-4, and/or C++"


def test_phrases_and_exclusions_are_told_apart():
    question = read('gradient "slow rivers" -rapids -"white water"')
    assert question.words == "gradient slow rivers"
    assert question.wanted == 'gradient "slow rivers"'
    assert question.phrases == '"slow rivers"'
    assert question.banned == '-"rapids" -"white water"'


def test_a_hyphen_within_a_word_excludes_nothing():
    assert read("vision-language self-play").banned == ""


def test_either_or_makes_no_phrase_a_must():
    question = read('rivers or "slow lakes"')
    assert (question.wanted, question.phrases) == ('rivers or "slow lakes"', "")


@pytest.mark.parametrize(
    "text",
    [
        "2510.12345",
        "2510.12345v3",
        "arXiv:2510.12345",
        "https://arxiv.org/abs/2510.12345v2",
        "http://arxiv.org/pdf/2510.12345.pdf",
        "arxiv.org/pdf/2510.12345v1",
        "https://huggingface.co/papers/2510.12345?tab=x",
        "http://127.0.0.1:8000/papers/2510.12345",
    ],
)
def test_an_id_or_an_address_names_the_paper(text):
    assert named(text) == "2510.12345"


def test_old_ids_too():
    assert named("https://arxiv.org/abs/astro-ph/0601001v1") == "astro-ph/0601001"


@pytest.mark.parametrize(
    "text", ["2510", "gpt 2510.12345", "https://arxiv.org/list/cs.AI/new", "", "/papers/"]
)
def test_other_text_names_none(text):
    assert named(text) is None


@given(st.text(max_size=3 * LONGEST))
def test_any_text_is_read(text):
    question = read(text)
    assert len(question.text) <= LONGEST
    assert "\0" not in question.text
    assert named(question.text) is None or question.text
