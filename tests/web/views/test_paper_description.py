"""What a paper's page says of it is kept until the paper changes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import pytest

from paperround.papers.paper_values import hash_text
from paperround.papers.rows import PaperRow
from paperround.settings import Settings
from paperround.text.reading import page_budget
from paperround.web.views.paper_description import NUMBERS, PaperDescription, describe_paper

from support.factories import build_paper

PAPER: Final = build_paper(ai_keywords=["tides"])
HASH: Final = hash_text(PAPER.title, PAPER.abstract)
READ: Final = PAPER._replace(text_hash=HASH, read_hash=HASH)
CHANGES: Final[dict[str, Any]] = {
    "ai_keywords": ["rivers"],
    "author_names": ["Cyn Doe"],
    "doi": "10.1000/1",
    "venue": "ICML 2026",
    "github_url": "https://github.com/lab/1",
    "organization_full_name": "Lab",
    "published_at": PAPER.published_at + timedelta(days=400),
    "id": "2611.00002",
}


def describe(paper: PaperRow, *, on_arxiv: bool = True, **settings: Any) -> PaperDescription:
    return describe_paper(paper, Settings(_env_file=None, **settings), page_budget(), on_arxiv=on_arxiv)


def test_new_numbers_change_nothing() -> None:
    before = describe(READ)
    numbers: dict[str, Any] = {"upvotes": 99, "comments": 4, "heat": 2.5, "seen_at": READ.published_at}
    for name, value in numbers.items():
        assert name in NUMBERS
        assert describe(READ._replace(**{name: value})) is before


@pytest.mark.parametrize("name", CHANGES)
def test_what_else_changes_is_told(name: str) -> None:
    changed = READ._replace(**{name: CHANGES[name]})
    unread = changed._replace(read_hash=None)  # not kept
    assert describe(changed) == describe(unread)
    assert describe(changed) is not describe(READ)


def test_settings_and_the_sample_edition_are_told_apart() -> None:
    assert describe(READ, public_url="https://papers.example").sharing.url.startswith(
        "https://papers.example"
    )
    assert len({describe(READ).linked_data, describe(READ, on_arxiv=False).linked_data}) == 2
    assert describe(READ, paper_links=("Ours=https://tool.example/{id}",)).places[-1] == (
        "Ours", f"https://tool.example/{READ.id}",
    )  # fmt: skip
