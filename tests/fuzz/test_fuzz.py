"""A short run of the fuzzer: the whole corpus, and some inputs near it. `make fuzz` runs it for minutes."""

from __future__ import annotations

import re

import hypothesis
import pytest

from fuzz.api import api_target
from fuzz.runner import read_input
from fuzz.targets import CORPUS, DICTIONARIES, PURE_TARGETS, Target
from support.time_limits import TooSlow, limited_time

INPUTS = 60


@pytest.mark.parametrize("target", PURE_TARGETS, ids=lambda target: target.name)
def test_whatever_comes_from_outside_is_read_or_refused(target: Target) -> None:
    _try(target, INPUTS // 3 if target.name == "smtp" else INPUTS)  # a dialogue takes longer


def test_whatever_is_asked_of_the_site_is_answered_without_a_server_error(server: str) -> None:
    _try(api_target(server), INPUTS)


def _try(target: Target, inputs: int) -> None:
    with target.open() as run:
        for seed in target.seeds:
            read_input(run, seed)

        @hypothesis.given(target.strategy)
        @hypothesis.settings(max_examples=inputs)
        def search(data: bytes) -> None:
            read_input(run, data)

        search()


def test_each_target_has_a_corpus_and_each_corpus_a_target() -> None:
    assert all(target.seeds and target.pieces for target in PURE_TARGETS)
    names = {target.name for target in PURE_TARGETS} | {"api"}
    assert {path.name for path in CORPUS.iterdir()} <= names
    assert {path.stem for path in DICTIONARIES.iterdir()} <= names | {"anything"}


def test_a_reader_that_takes_too_long_is_stopped() -> None:
    with pytest.raises(TooSlow), limited_time(0.05):
        re.fullmatch("(a|a)*b", "a" * 60)
