"""What a list says of a paper is written once, and again as soon as anything of it is different."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import fields, replace
from datetime import date, timedelta
from typing import Any

import pytest
from markupsafe import Markup

from paperround.i18n.languages import using_language
from paperround.summaries.translations import Translation
from paperround.topics.model.bands import Band
from paperround.web.templates import load_templates
from paperround.web.views.paper_card import PaperCard
from paperround.web.views.paper_cards import build_paper_card
from paperround.web.views.viewer_state import GivenRating, PaperState, TopicFit, ViewerState

from support.factories import build_paper

AROUND = frozenset({"id", "listed", "listed_label", "votes", "today", "line", "seen"})  # not in the article
DIFFERENT: dict[type, Any] = {
    str: "another",
    Markup: Markup("another"),
    int: 7,
    bool: True,
    list: [Markup("another")],
}


@pytest.mark.parametrize("name", sorted({field.name for field in fields(PaperCard)} - AROUND))
def test_a_card_that_differs_in_anything_is_written_anew(name: str) -> None:
    write = load_templates().filters["article"]
    full = replace(
        build_paper_card(build_paper(), today=date(2026, 11, 24)),
        paragraphs=[Markup("word " * 40), Markup("more")], keywords=["one"], comments="2 comments",
        code_url="https://a.example", stars=3, project_url="https://b.example", who_url="/organizations/a",
        thumbnail="abc",
    )  # fmt: skip
    value: Any = getattr(full, name)
    other: dict[str, Any] = {
        name: value + timedelta(days=1) if isinstance(value, date) else DIFFERENT[type(value)]
    }

    before = write(full, "")
    assert write(replace(full, votes=99), "") is before
    assert write(replace(full, **other), "") is not before
    assert write(full, "a note") != before


STATES: dict[str, Any] = {
    "token": "t1",
    "upvoted": True,
    "saved": True,
    "ratings": (GivenRating(3, "Patience", True),),
    "rateable": True,
    "sign_in_return": "/papers/date/2026-11-24",
    "fits": (TopicFit(3, "Patience", Band.strong),),
    "suggested": TopicFit(3, "Patience", None),
    "folded": GivenRating(3, "Patience", False),
    "moved": 2,
    "visited_at": 1_900_000_000,
    "translation": Translation("de", "small-one", "Die Autoren warten auf Gradienten."),
}


def marked(state: PaperState) -> ViewerState:
    """Whatever paper it is, this was done with it."""
    return ViewerState(defaultdict(lambda: state))


def test_an_entry_is_kept_for_all_who_did_the_same_and_written_anew_for_others() -> None:
    write = load_templates().filters["entry"]
    card = replace(build_paper_card(build_paper(), today=date(2026, 11, 24)), seen=1_800_000_000)
    bases = (PaperState(), PaperState(token="t0", rateable=True))
    assert {field.name for field in fields(PaperState)} == set(STATES)
    for base in bases:
        before = write(card, "", "", marked(base), None)
        assert write(card, "", "", marked(replace(base)), None) is before
        for name, value in STATES.items():
            other = replace(base, **{name: value})
            if other != base and not (name == "token" and base.token):
                assert write(card, "", "", marked(other), None) is not before, name
        for name in ("votes", "line", "seen", "id", "title"):
            other_values: dict[str, Any] = {name: 0 if name in ("votes", "seen") else Markup("M0 1")}
            changed = replace(card, **other_values)
            assert write(changed, "", "", marked(base), None) is not before, name
        assert (
            write(card, "note", "", marked(base), None)
            != write(card, "", "why", marked(base), None)
            != before
        )
        assert write(card, "", "", marked(base), (7, "Patience")) is not before


def test_a_german_and_an_english_reader_never_get_each_other_s_article_or_entry() -> None:
    environment = load_templates()
    card = build_paper_card(build_paper(comments=2, ai_summary="They came."), today=date(2026, 11, 24))
    for name, around in (("article", ("",)), ("entry", ("", "", marked(PaperState(token="t")), None))):
        write: Any = environment.filters[name]
        english = write(card, *around)
        with using_language("de"):
            german = write(card, *around)
            assert german is not english, name
            assert write(card, *around) is german, name
        assert write(card, *around) is english, name


def test_readers_who_did_the_same_share_an_entry_and_never_a_token_or_a_time() -> None:
    write = load_templates().filters["entry"]
    card = replace(build_paper_card(build_paper(), today=date(2026, 11, 24)), seen=1_800_000_000)
    ada = PaperState(token="secret-of-ada", saved=True, visited_at=1_700_000_000)
    cyn = PaperState(token="secret-of-cyn", saved=True, visited_at=1_700_000_001)
    shared = write(card, "", "", marked(ada), None)
    assert write(card, "", "", marked(cyn), None) is shared
    assert "secret" not in shared
    assert "1700000" not in shared
