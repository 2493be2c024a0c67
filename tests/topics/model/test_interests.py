"""Several interests in one topic's words, as an invented catalogue tells them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperround.topics.model.interests import find_interests
from paperround.topics.model.statistics import Statistics

SUBJECTS = (
    ("privacy of bees", "hive privacy", "private pollen"),
    ("unlearning in clocks", "clock unlearning", "pendulum unlearning"),
    ("question answering", "answering a question", "open question answering"),
    ("retrieval and reranking of tides", "tide retrieval reranking", "retrieval with reranking"),
    ("image generation and video generation", "video generation", "image generation of images"),
    ("river deltas", "sediment of river deltas", "river delta floods"),
    ("honey harvest", "a late honey harvest", "honey harvest by night"),
    ("safety of quartz models", "jailbreaks of quartz models", "safety and jailbreaks"),
)
DICE = np.random.default_rng(4)
TEXTS = [
    f"{phrase} {phrase} {DICE.choice(['we measure', 'they compare', 'one observes'])}"
    for phrases in SUBJECTS
    for phrase in phrases * 4
] + ["the weather of the season was observed and compared"] * 60
AXES = np.eye(len(SUBJECTS) + 1)[[min(n // 12, len(SUBJECTS)) for n in range(len(TEXTS))]]
VECTORS = (AXES + 0.1 * DICE.normal(size=AXES.shape)).astype(np.float32)
VECTORS /= np.linalg.norm(VECTORS, axis=1, keepdims=True)
CATALOGUE = Statistics.measure(TEXTS, 1, VECTORS)
PLAIN = Statistics.measure(TEXTS, None, np.empty((0, 0), np.float32))


@pytest.mark.parametrize("statistics", [CATALOGUE, PLAIN], ids=["vectors", "words alone"])
@pytest.mark.parametrize(
    "join", [" and ", ", ", "; ", " & ", " or ", ", and ", " plus ", " as well as ", "  AND "]
)
@pytest.mark.parametrize(
    "parts",
    [("privacy", "unlearning"), ("river deltas", "honey harvests"), ("unlearning", "question answering")],
)
def test_what_the_catalogue_knows_apart_is_told_apart(
    statistics: Statistics, join: str, parts: tuple[str, str]
) -> None:
    assert tuple(find_interests(statistics, join.join(parts))) == parts
    assert tuple(find_interests(statistics, join.join(parts[::-1]))) == parts[::-1]


def test_up_to_four_interests_are_found_and_more_are_a_reading_list() -> None:
    three = ["privacy", "unlearning", "honey harvest"]
    assert list(find_interests(CATALOGUE, "privacy, unlearning and honey harvest")) == three
    assert not find_interests(CATALOGUE, ", ".join([*three, "river deltas", "question answering"]))


@pytest.mark.parametrize(
    "text",
    [
        "question and answering", "questions and answering", "retrieval and reranking",
        "reranking and retrieval", "river and deltas", "safety AND jailbreaks of quartz models",
        "image and video generation", "privacy", "", " and ", "and",
        "privacy and", ", privacy", "privacy, privacy", "privacy and moonlight",
        "bees that hum and unlearning", "R&D", "Q&A", "sand",
        "android privacy", "privacy/unlearning", "large, old hives",
    ],
)  # fmt: skip
def test_one_concept_and_what_the_catalogue_does_not_know_stay_whole(text: str) -> None:
    assert not find_interests(CATALOGUE, text)


@given(st.text(st.sampled_from("ab ,;&+and privacyunlearning"), max_size=60))
def test_any_text_is_read_and_parts_are_its_own_words(text: str) -> None:
    assert all(part and part in " ".join(text.split()) for part in find_interests(CATALOGUE, text))
