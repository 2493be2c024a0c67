"""The sentence of an abstract that says what was done."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperround.text.key_sentence import find_key_sentence, split_sentences
from paperround.text.reading import Reading, read_latex

KNOWN = "Large gardens have become popular in recent years, e.g. in cities (Miller et al. 2024)."
CODE = "We release our code at https://example.org/garden."

SAID = [
    "To address this gap, we propose WATERCAN, a framework that waters plants by need.",
    "In this paper, we introduce a benchmark of 1.5 million leaves, cf. Fig. 3, with labels.",
    "This technical report presents the second version of our watering model.",
    "Here we show that plants prefer rain over tap water in every season.",
    "We find that watering at night saves a third of the water.",
    "Our work rethinks how gardens are planned when water is scarce.",
    "Building on this, we then carefully build a robot that prunes hedges.",
    "Motivated by this, the authors developed a sensor for dry soil.",
    "A novel sensor for dry soil that needs no battery is proposed.",
    "This paper is about the cost of watering gardens in deserts.",
    "We study the case J. Doe described, i.e. gardens without any soil.",
]
NOT_SAID = [
    "Existing methods propose schedules that ignore the weather.",
    "Such schedules are introduced without any test.",
    "Can we develop schedules from the weather alone?",
    "Recent papers present results that no garden can repeat.",
    "Therefore much water is lost every summer in most cities.",
]


@pytest.mark.parametrize("sentence", SAID)
def test_the_sentence_that_says_what_was_done_is_found_behind_what_was_known(sentence: str) -> None:
    for after in ("", f" {CODE}", " Moreover, we introduce a smaller can.", " It works in 95.3% of cases."):
        abstract = " ".join([KNOWN, *NOT_SAID]) + f" {sentence}{after}"
        found = find_key_sentence(read_latex(abstract))
        assert found is not None
        assert found.text == sentence


def test_without_such_a_sentence_none_is_found() -> None:
    assert find_key_sentence(Reading(" ".join([KNOWN, *NOT_SAID]))) is None
    assert find_key_sentence(Reading("")) is None


def test_what_was_made_goes_before_what_was_found_and_where_the_code_is_says_nothing() -> None:
    found = find_key_sentence(Reading(f"{CODE} We show that it is dry. {SAID[3]} {SAID[0]}"))
    given_away = "We present a watering can, publicly available at https://example.org/can."
    second = find_key_sentence(Reading(f"{given_away} {SAID[4]} It is dry."))
    assert (found and found.text, second and second.text) == (SAID[0], given_away)
    assert find_key_sentence(Reading(f"{KNOWN} {CODE}")) is None


def test_a_formula_stays_whole_and_in_its_place() -> None:
    reading = read_latex(r"Much is known of $a . b$. We propose $x_1 . y$ for gardens with $n^2$ trees. So.")
    found = find_key_sentence(reading)
    assert found is not None
    assert found.text.startswith("We propose")
    assert found.text.endswith("trees.")
    assert [found.text[f.start : f.end] for f in found.formulas] == [
        reading.text[f.start : f.end] for f in reading.formulas[1:]
    ]


@given(
    st.text(max_size=600) | st.lists(st.sampled_from([*SAID, *NOT_SAID, KNOWN, ".", "\n\n"])).map(" ".join)
)
def test_sentences_of_any_text_are_parts_of_it_in_order(text: str) -> None:
    places = [*split_sentences(Reading(text))]
    assert all(text[start:end].strip() == text[start:end] != "" for start, end in places)
    assert sorted(places) == places
    kept = "".join(text[start:end] for start, end in places)
    assert "".join(kept.split()) == "".join(text.split())


@pytest.mark.parametrize(
    "piece", ["we ", "we a, ", "A. ", "this a ", "new x ", ".", ". ", '.")', "to address "]
)
def test_a_text_made_to_be_slow_is_not(piece: str) -> None:
    """The work is bounded: a text a hundred times as long as what is searched takes no longer."""
    assert find_key_sentence(Reading(piece * 500_000)) is None
