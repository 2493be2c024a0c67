"""What stands in the search box is read without ever failing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperround.papers.arxiv_id import parse_id_or_url
from paperround.search.query_syntax import MAX_QUERY_LENGTH, parse_query


def test_words_are_folded_and_signs_fall_away() -> None:
    question = parse_query("  Müller's GPT-4, and/or   C++ ")
    assert question.words == "muller s gpt 4 and or cplusplus"
    assert not question.is_disjunctive
    assert question.text == "Müller's GPT-4, and/or C++"


def test_phrases_and_exclusions_are_told_apart() -> None:
    question = parse_query('gradient "slow rivers" -rapids -"white water"')
    assert question.words == "gradient slow rivers"
    assert question.phrases == '"slow rivers"'
    assert (question.exclusions, question.excluded_phrases) == ('-"rapids"', (" white water ",))


def test_a_hyphen_within_a_word_excludes_nothing() -> None:
    assert parse_query("vision-language self-play").exclusions == ""


def test_either_or_makes_no_phrase_a_must() -> None:
    question = parse_query('rivers or "slow lakes"')
    assert [part.clause for part in question.parts] == [0, 1]
    assert (question.phrases, question.phrase_texts) == ("", ())


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
def test_an_id_or_an_address_names_the_paper(text: str) -> None:
    assert parse_id_or_url(text) == "2510.12345"


def test_old_ids_too() -> None:
    assert parse_id_or_url("https://arxiv.org/abs/astro-ph/0601001v1") == "astro-ph/0601001"


@pytest.mark.parametrize(
    "text", ["2510", "gpt 2510.12345", "https://arxiv.org/list/cs.AI/new", "", "/papers/"]
)
def test_other_text_names_none(text: str) -> None:
    assert parse_id_or_url(text) is None


@given(st.text(max_size=3 * MAX_QUERY_LENGTH))
def test_any_text_is_read(text: str) -> None:
    question = parse_query(text)
    assert len(question.text) <= MAX_QUERY_LENGTH
    assert "\0" not in question.text
    assert parse_id_or_url(question.text) is None or question.text
