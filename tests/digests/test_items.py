"""What a digest says of a paper."""

from __future__ import annotations

import pytest

from paperround.digests.items import MAX_SUMMARY_LENGTH, build_item

from support.factories import build_paper

KNOWN = "Gradients are known to be slow, and much has been written about that."
DONE = "We propose a way of waiting for $x_1$ that takes no time."


@pytest.mark.parametrize(
    ("abstract", "ai_summary", "said", "label"),
    [
        (f"{KNOWN} {DONE}", "Waiting for $x_1$ pays.", "Waiting for x₁ pays.", "AI summary"),
        (f"{KNOWN} {DONE}", None, "We propose a way of waiting for x₁ that takes no time.", ""),
        (f"{KNOWN} {DONE}", " \n", "We propose a way of waiting for x₁ that takes no time.", ""),
        (KNOWN, None, KNOWN, ""),
        ("", None, "", ""),
    ],
)
def test_what_is_new_stands_first_and_a_model_s_words_are_labelled(
    abstract: str, ai_summary: str | None, said: str, label: str
) -> None:
    item = build_item(build_paper(abstract=abstract, ai_summary=ai_summary))
    assert (item.summary, item.summary_label) == (said, label)


def test_a_long_sentence_is_cut_between_words() -> None:
    item = build_item(build_paper(abstract=f"{KNOWN} We propose {'a very patient way ' * 40}of waiting."))
    assert item.summary.startswith("We propose a very patient way")
    assert item.summary.endswith("…")
    assert len(item.summary) <= MAX_SUMMARY_LENGTH
