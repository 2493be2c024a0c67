"""Abbreviations: learned where the catalogue defines them, resolved both ways, and never a guess."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperround.topics.model.abbreviations import (
    MIN_PAPERS,
    NONE,
    Abbreviations,
    find_words,
    learn_abbreviations,
)
from paperround.topics.model.fit import build_fit
from paperround.topics.model.fit_constants import SHIPPED_CONSTANTS
from paperround.topics.model.fit_matrix import FitDirections, FitMatrix, compute_fits
from paperround.topics.model.plurals import fold_phrase
from paperround.topics.model.scorer import PaperMatrix, TopicProfile
from paperround.topics.model.statistics import Statistics

DEFINED = (
    "We count Large River Deltas (LRDs) from above.",
    "Delta-augmented gauging (DAG) of water levels was compared with FT.",
    "Bee learning with verifiable pollen (BLVP) is slow; fast tanks (FT) are not.",
)
UNDEFINED = (
    "A hive (warm) and a clock (old) stood by the tree (Oak).",
    "Bees of the meadow (see Fig. 2) and others (XQ) were seen.",
)
SPELLED = (
    "large river deltas move",
    "delta-augmented gauging of floods",
    "clocks and pendulums",
    "old hives",
)
SHORT = ("LRDs move", "an LRD moves", "DAG of floods")
TEXTS = [*DEFINED * MIN_PAPERS, *UNDEFINED * MIN_PAPERS, *SPELLED * 5, *SHORT * 3]
CATALOGUE = Statistics.measure(TEXTS, None, np.empty((0, 0), np.float32))


@pytest.mark.parametrize(
    ("short", "before", "words"),
    [
        ("LLM", "we train large language models", "large language models"),
        ("RAG", "and retrieval-augmented generation", "retrieval-augmented generation"),
        ("PPO", "with proximal policy optimization", "proximal policy optimization"),
        ("RLHF", "reinforcement learning from human feedback", "reinforcement learning from human feedback"),
        ("CoT", "by chain-of-thought", "chain-of-thought"),
        ("NeRF", "of neural radiance fields", "neural radiance fields"),
        ("VQA", "asked in visual question answering", "visual question answering"),
        ("LLM", "we train it on", ""),
        ("XQ", "quick foxes", ""),
        ("AB", "", ""),
    ],
)
def test_an_abbreviation_stands_for_the_words_before_it(short: str, before: str, words: str) -> None:
    assert find_words(short, before) == words


def test_the_catalogue_teaches_what_several_papers_define_and_agree_on() -> None:
    assert dict(CATALOGUE.abbreviations.words) == {
        "blvp": "bee learning with verifiable pollen",
        "dag": "delta-augmented gauging",
        "ft": "fast tanks",
        "lrd": "large river deltas",
    }
    few = learn_abbreviations(DEFINED[:1] * (MIN_PAPERS - 1))
    torn = learn_abbreviations([*DEFINED[1:2] * 3, *["Dusty amber glue (DAG) is sticky."] * 3])
    common = learn_abbreviations([*DEFINED[2:] * 3, *["Their feet are ft long."] * 3])
    assert (few.words, torn.words) == ({}, {})
    assert "ft" not in common.words


@pytest.mark.parametrize(
    ("one", "other"),
    [("LRDs", "large river deltas"), ("lrd", "Large River Delta"), ("DAG", "delta augmented gauging"),
     ("floods by DAG", "floods by delta-augmented gauging"), ("gauging, delta-augmented", "DAG")],
)  # fmt: skip
def test_a_topic_means_the_same_abbreviated_and_spelled_out(one: str, other: str) -> None:
    """In both directions: what a paper says in either form, it says of a topic in either form."""
    rows = [CATALOGUE.view_of_paper(text, None).words for text in TEXTS]
    said = [
        [float(np.isin(terms.columns, CATALOGUE.terms.of_row(row)) @ terms.weights) for row in rows]
        for terms in (CATALOGUE.terms.share_of(text).terms for text in (one, other))
    ]
    assert np.array_equal(np.array(said[0]) > 0.99, np.array(said[1]) > 0.99)
    assert (np.array(said[0]) > 0.99).any()


def test_a_title_has_a_topics_phrase_in_either_form() -> None:
    views = [
        CATALOGUE.view_of_paper(text, None) for text in ("large river deltas move", "LRDs move", "hives")
    ]
    matrix = PaperMatrix.build(CATALOGUE, views)
    papers = FitMatrix.build(CATALOGUE, matrix, ["Large river deltas move", "LRDs move", "Hives"])
    for text in ("LRD", "large river delta"):
        assert papers.find_titled(fold_phrase(text)) == [0, 1]
        profile = TopicProfile(CATALOGUE.view_of_words(text, None), own_text=text)
        direction = build_fit(CATALOGUE, profile, SHIPPED_CONSTANTS["all-MiniLM-L6-v2"])
        spelled, short, hives = compute_fits(
            FitDirections.of([direction], len(CATALOGUE.mean_vector)), papers
        )[0].tolist()
        assert min(spelled, short) > 0.3 > hives


def test_without_a_table_nothing_is_resolved() -> None:
    plain = replace(CATALOGUE, abbreviations=NONE)
    row = plain.view_of_paper("LRDs move", None).words
    assert set(plain.terms.of_row(row)) < set(CATALOGUE.terms.of_row(row))


def test_a_stored_version_keeps_its_abbreviations_and_one_without_them_can_be_read() -> None:
    again = Statistics.decode(CATALOGUE.encode())
    assert again.abbreviations == CATALOGUE.abbreviations
    assert list(again.abbreviations.words) == list(CATALOGUE.abbreviations.words)


@given(st.text(max_size=60))
def test_any_text_can_be_spelled_out_and_keeps_what_it_says(text: str) -> None:
    table = Abbreviations({"lrd": "large river deltas", "ab": "a b"})
    assert table.spell_out(text).startswith(text)
    assert table.list_forms(fold_phrase(text))[0] == fold_phrase(text)
    assert learn_abbreviations([text] * MIN_PAPERS) is not None
