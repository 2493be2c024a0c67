"""Cards of papers are kept for other pages, and say what new ones would."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from paperround.i18n.languages import using_language
from paperround.papers.paper_values import hash_text
from paperround.papers.rows import PaperRow
from paperround.papers.vote_history import VoteHistory
from paperround.text.reading import page_budget
from paperround.web.views import paper_cards
from paperround.web.views.paper_card import PaperCard
from paperround.web.views.paper_cards import build_paper_card, build_paper_cards

from support.factories import build_paper

TODAY = date(2026, 11, 24)
# What a reading says is named by the hash of what was read and by the reader's version.
OF_READING = {"text_hash", "read_hash", "read_title", "read_abstract", "formulas_json", "authors_json"}
FULL: dict[str, Any] = {
    "organization_name": "lab",
    "organization_full_name": "The Lab",
    "github_url": "https://github.com/lab/patience",
    "github_stars": 12,
    "project_url": "https://lab.example",
    "ai_summary": "Gradients come to those who wait.",
    "comments": 2,
    "thumbnail": "abc",
    "reader_version": 1,
    "ai_keywords": ["gradients", "patience"],
    "categories": ["cs.LG"],
    "media_urls": [],
}


def build_read_paper(**changes: Any) -> PaperRow:
    """Build a paper with everything that a card shows, whose texts have been read."""
    paper = build_paper(**{**FULL, **changes})
    text_hash = hash_text(paper.title, paper.abstract)
    return paper._replace(text_hash=text_hash, read_hash=text_hash)


def change(value: Any) -> Any:
    """Give another value of the same kind."""
    match value:
        case bool():
            return not value
        case int() | float():
            return value + 1
        case date():
            return value + timedelta(days=2)
        case list():
            return [*value, "another"]
        case None:
            return None
        case _:
            return f"{value} and more"


def cards_of(paper: PaperRow, **options: Any) -> PaperCard:
    (card,) = build_paper_cards([paper], **{"today": TODAY, **options})
    return card


def test_whatever_changes_in_a_paper_its_card_is_what_a_new_one_would_be() -> None:
    first = build_read_paper()
    seen = datetime(2026, 11, 20, tzinfo=UTC)
    unset = {
        "withdrawn_on_arxiv": True,
        "withdrawn_at": seen,
        "doi": "10.1/a",
        "own_summary": "S",
        "venue": "V",
    }
    papers = [first, build_read_paper(ai_summary=None), build_read_paper(ai_summary=None, own_summary="Own.")]
    papers += [
        build_read_paper(**{name: unset.get(name, change(getattr(first, name)))})
        for name in PaperRow._fields
        if name not in OF_READING
    ]
    papers.append(first._replace(read_hash="of another text"))
    for paper in papers:
        options: list[dict[str, Any]] = [
            {},
            {"by_people": True},
            {"today": TODAY + timedelta(days=30)},
            {"movement": VoteHistory(seen, [], today=3)},
        ]
        for option in options:
            movement = option.pop("movement", None)
            shown = cards_of(paper, moved={paper.id: movement} if movement else None, **option)
            fresh = build_paper_card(paper, movement=movement, **{"today": TODAY, **option})
            assert shown == fresh, (paper, option)


def test_a_card_is_kept_across_pages_while_its_paper_stays_as_it_was() -> None:
    paper = build_read_paper(title="Kept Gradients")
    first = cards_of(paper)

    assert cards_of(paper._replace(seen_at=paper.seen_at + timedelta(hours=1), heat=3.0)) is first
    assert cards_of(paper._replace(local_upvotes=1)).votes == first.votes + 1
    assert cards_of(paper, mark_words=lambda html: html) is not first


def test_a_german_and_an_english_reader_never_get_each_other_s_card() -> None:
    paper = build_read_paper(title="Translated Gradients")
    english = cards_of(paper)
    with using_language("de"):
        german = cards_of(paper)
        fresh = build_paper_card(paper, today=TODAY)
    assert german == fresh
    assert german.published_label != english.published_label
    assert cards_of(paper) is english


def test_a_page_that_is_full_cuts_cards_and_leaves_the_kept_ones_whole() -> None:
    abstract = "We wait for gradients and they come, and then others come. " * 30
    papers = [
        build_read_paper(id=f"2611.0000{n}", abstract=abstract, ai_summary="Word. " * 90) for n in range(9)
    ]
    whole = build_paper_cards(papers, today=TODAY)
    cut = build_paper_cards(papers, today=TODAY, room=16_000)

    assert not any(card.is_shortened for card in whole)
    assert all(
        card.is_shortened and len(card.lead) <= len(one.lead) for card, one in zip(cut, whole, strict=True)
    )
    assert build_paper_cards(papers, today=TODAY) == whole


def test_formulas_of_papers_that_are_not_read_are_bounded_at_each_showing() -> None:
    paper = build_paper(abstract="$x_1$ " * 600)
    assert not paper.is_read
    before = len(paper_cards._kept)
    for _ in range(2):
        shown = cards_of(paper)
        assert shown == build_paper_card(paper, today=TODAY, budget=page_budget())
    assert len(paper_cards._kept) == before
