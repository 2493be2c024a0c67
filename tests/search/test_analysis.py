"""What a search looks up for the words of a question."""

from __future__ import annotations

import pytest

from paperround.search.analysis import MAX_POSTINGS, MAX_POSTINGS_PER_TERM, AnalyzedQuery, Term, idf


def asked(**papers: int) -> AnalyzedQuery:
    """A question of these words, each with how many papers of a hundred thousand have it."""
    terms = [
        Term(f"'{word}'", f" {word} ", (place,), idf(count, 100_000), count, count // 10)
        for place, (word, count) in enumerate(papers.items())
    ]
    return AnalyzedQuery(
        None, "", False, "", list(papers), sorted(terms, key=lambda term: term.document_frequency), ()
    )


def looked_up(question: AnalyzedQuery) -> list[str]:
    """Without the first, the whole question in titles."""
    return [query[1:-1] for query, _, _ in question.posting_queries][1:]


def test_the_rarest_words_bring_all_their_papers_and_others_those_with_one_more() -> None:
    assert looked_up(asked(reef=40, coral=250, ocean=900)) == [
        "'reef'",
        "'coral'",
        "('ocean') & ('reef' | 'coral')",
    ]


def test_the_rarest_word_brings_all_its_papers_however_many() -> None:
    assert looked_up(asked(ocean=900, water=950)) == ["'ocean'", "('water') & ('ocean')"]


def test_of_a_common_word_come_those_that_have_it_in_the_title() -> None:
    assert looked_up(asked(reef=40, model=9_000)) == ["'reef'", "('=model') & ('reef')"]


def test_a_word_in_most_titles_brings_nothing_beside_a_rare_one() -> None:
    assert looked_up(asked(reef=40, model=90_000)) == ["'reef'"]


def test_one_common_word_is_looked_up_all_the_same() -> None:
    assert [query for query, _, _ in asked(model=90_000).posting_queries] == ["('model')"]


@pytest.mark.parametrize("count", [300, 999, 2_000])
def test_all_words_together_bring_no_more_than_is_allowed(count: int) -> None:
    words = looked_up(asked(**{f"w{n}": count for n in range(30)}))
    sizes = [min(count // 10 if "=" in word else count, MAX_POSTINGS_PER_TERM) for word in words]
    assert MAX_POSTINGS - MAX_POSTINGS_PER_TERM < sum(sizes) <= MAX_POSTINGS


def test_rarer_words_weigh_more() -> None:
    weights = [weight for _, weight, _ in asked(reef=40, coral=250, ocean=900).posting_queries][1:]
    assert weights == sorted(weights, reverse=True)
