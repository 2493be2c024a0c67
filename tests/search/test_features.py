"""What texts have of a question, counted."""

from __future__ import annotations

from itertools import pairwise
from math import log

import numpy as np
import pytest

from paperround.search.analysis import Asked, Run, Term
from paperround.search.features import TITLE, Features, features


def asked(*words: str) -> Asked:
    """A question of these words, each pair of which that stands together is a run."""
    terms = [Term(f"'{word}'", f" {word} ", (n,), 1.0, 1, 1) for n, word in enumerate(words)]
    runs = [Run(f" {one} {other} ", 1.0, (n, n + 1)) for n, (one, other) in enumerate(pairwise(words))]
    return Asked(None, "", False, "", "", words, terms, runs)


def test_words_and_runs_are_counted_as_written_whatever_signs_stand_between():
    found = features(asked("slow", "rivers"), ["On rivers"], ["Slow-rivers: a slow, slow river; Rivers."])
    assert found.often[0] == pytest.approx([1 + log(3), 1 + log(3) + TITLE, 1])


def test_what_is_not_there_counts_nothing_and_a_part_of_a_word_is_not_there():
    found = features(asked("lake", "sea"), ["Lakes"], ["Overseas."])
    assert not found.often.any()


def test_a_run_over_a_sentence_end_or_from_title_to_abstract_is_none():
    found = features(asked("deep", "seas"), ["Going deep"], ["Seas are deep. Seas are wide."])
    assert found.often[0, 2] == 0
    assert not found.whole[0]


def test_the_whole_question_as_a_phrase_is_told():
    found = features(asked("deep", "seas"), ["A", "B"], ["the DEEP seas", "seas deep"])
    assert found.whole.tolist() == [True, False]


def test_accents_do_not_matter():
    assert features(asked("muller"), ["Müller"], [""]).often[0, 0] == 1 + TITLE


def test_no_papers_have_no_rows():
    found = features(asked("deep", "seas"), [], [])
    assert (found.often.shape, found.lengths.shape, found.whole.shape) == ((0, 3), (0,), (0,))


def test_rows_of_two_are_put_into_one_order():
    def part(*numbers: float) -> Features:
        column = np.array(numbers)
        return Features(column[:, None], column, column > 1)

    both = part(1, 2).rows(part(3, 4), [3, 0, 2])
    assert both.lengths.tolist() == [4, 1, 3]
    assert both.often[:, 0].tolist() == [4, 1, 3]
    assert both.whole.tolist() == [True, False, True]
