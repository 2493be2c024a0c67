"""What texts have of a question, counted."""

from __future__ import annotations

from itertools import pairwise
from math import log

import numpy as np
import pytest

from paperround.search.analysis import AnalyzedQuery, Ngram, Term
from paperround.search.features import TITLE_BONUS, TextFeatures, compute_text_features


def asked(*words: str) -> AnalyzedQuery:
    """A question of these words, each pair of which that stands together is a run."""
    terms = [Term(f"'{word}'", f" {word} ", (n,), 1.0, 1, 1) for n, word in enumerate(words)]
    runs = [Ngram(f" {one} {other} ", 1.0, (n, n + 1)) for n, (one, other) in enumerate(pairwise(words))]
    return AnalyzedQuery(None, "", False, "", words, terms, runs)


def test_words_and_runs_are_counted_as_written_whatever_signs_stand_between() -> None:
    found = compute_text_features(
        asked("slow", "rivers"), ["On rivers"], ["Slow-rivers: a slow, slow river; Rivers."]
    )
    assert found.log_counts[0] == pytest.approx([1 + log(3), 1 + log(3) + TITLE_BONUS, 1])


def test_what_is_not_there_counts_nothing_and_a_part_of_a_word_is_not_there() -> None:
    found = compute_text_features(asked("lake", "sea"), ["Lakes"], ["Overseas."])
    assert not found.log_counts.any()


def test_a_run_over_a_sentence_end_or_from_title_to_abstract_is_none() -> None:
    found = compute_text_features(asked("deep", "seas"), ["Going deep"], ["Seas are deep. Seas are wide."])
    assert found.log_counts[0, 2] == 0
    assert not found.has_whole_query[0]


def test_the_whole_question_as_a_phrase_is_told() -> None:
    found = compute_text_features(asked("deep", "seas"), ["A", "B"], ["the DEEP seas", "seas deep"])
    assert found.has_whole_query.tolist() == [True, False]


def test_accents_do_not_matter() -> None:
    assert compute_text_features(asked("muller"), ["Müller"], [""]).log_counts[0, 0] == 1 + TITLE_BONUS


def test_no_papers_have_no_rows() -> None:
    found = compute_text_features(asked("deep", "seas"), [], [])
    assert (found.log_counts.shape, found.lengths.shape, found.has_whole_query.shape) == ((0, 3), (0,), (0,))


def test_rows_of_two_are_put_into_one_order() -> None:
    def part(*numbers: float) -> TextFeatures:
        column = np.array(numbers)
        return TextFeatures(column[:, None], column, column > 1, column > 2, column > 3)

    both = part(1, 2).combine(part(3, 4), [3, 0, 2])
    assert both.lengths.tolist() == [4, 1, 3]
    assert both.log_counts[:, 0].tolist() == [4, 1, 3]
    assert both.has_whole_query.tolist() == [True, False, True]
    assert both.is_title.tolist() == [True, False, True]
    assert both.has_phrases.tolist() == [True, False, False]
