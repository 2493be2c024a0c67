"""What a list says of a paper is written once, and again as soon as anything of it is different."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import date, timedelta
from typing import Any

import pytest
from markupsafe import Markup

from paperround.web.app import templates
from paperround.web.views.presenters import PaperCard, build_paper_card

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
    write = templates().filters["article"]
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
