"""Which of the phrases that a topic and a paper share are told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from paperround.topics.model.reason_phrases import is_telling
from paperround.topics.model.reasons import choose_phrase_reasons


@pytest.mark.parametrize(
    ("weights", "told"),
    [
        ({"frame": 2.0, "frames": 1.0, "camera": 0.5}, ["frame", "camera"]),
        ({"robot": 3.0, "robotics": 2.0, "robotic": 1.0}, ["robot"]),
        (
            {"vision language action": 3.0, "language action vla": 2.0, "policies": 1.0},
            ["vision language action", "policies"],
        ),
        ({"language action": 2.0, "vision language action": 1.0}, ["vision language action"]),
        (
            {"video diffusion": 2.0, "diffusion transformer": 1.0},
            ["video diffusion", "diffusion transformer"],
        ),
        ({"form": 2.0, "formation": 1.0}, ["form", "formation"]),
        ({"a": 4.0, "b": 3.0, "c": 2.0, "d": 1.0}, ["a", "b", "c"]),
        ({}, []),
    ],
)
def test_each_reason_tells_something_new(weights: Mapping[str, float], told: Sequence[str]) -> None:
    assert [reason.text for reason in choose_phrase_reasons(weights)] == told


@pytest.mark.parametrize(
    ("phrase", "telling"),
    [
        ("vision language action", True),
        ("language action vla", False),
        ("action vla", False),
        ("value cache", True),
        ("value cache kv", True),
        ("language model llm", False),
        ("retrieval augmented", True),
        ("augmented generation rag", False),
        ("project page https", False),
        ("protein", True),
        ("comprehensive protein", False),
    ],
)
def test_filler_and_ends_of_definitions_are_never_told(phrase: str, telling: bool) -> None:
    assert is_telling(phrase) is telling
