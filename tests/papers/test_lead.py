"""What stands first of a paper in a list."""

from __future__ import annotations

from paperround.papers.lead import read_lead

from support.factories import build_paper

KNOWN = "Gradients are known to be slow."
DONE = "We propose a way of waiting for them that takes no time."


def test_a_model_s_summary_comes_first() -> None:
    lead = read_lead(build_paper(abstract=f"{KNOWN} {DONE}", ai_summary="Waiting\nfor $x_1$ pays."))
    assert lead is not None
    assert lead.reading.text == "Waiting for x₁ pays."
    assert lead.is_by_model


def test_without_a_summary_the_abstract_s_own_sentence_does() -> None:
    for summary in (None, "", " \n"):
        lead = read_lead(build_paper(abstract=f"{KNOWN} {DONE}", ai_summary=summary))
        assert lead is not None
        assert (lead.reading.text, lead.is_by_model, lead.opens_abstract) == (DONE, False, False)


def test_an_abstract_that_begins_with_it_says_so() -> None:
    lead = read_lead(build_paper(abstract=f"{DONE} {KNOWN}"))
    assert lead is not None
    assert lead.opens_abstract


def test_an_abstract_that_doesn_t_say_it_has_none() -> None:
    assert read_lead(build_paper(abstract=KNOWN)) is None
