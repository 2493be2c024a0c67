"""Parts of answers that are kept: the answers are what they would be without, and memory is bounded."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from pydantic_core import to_json

from paperround.papers.paper_values import hash_text
from paperround.papers.rows import ListingRow, PaperRow
from paperround.web.api.schemas import PaperList, PaperOut, write_paper_list
from paperround.web.hub.items import item, write_item

from support.factories import build_paper

BASE = "http://a.example"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LISTING = ListingRow(
    "2611.00001", date(2026, 11, 23), "huggingface", NOW, NOW, {"name": "ada"}, "ada", None, None
)
VALUES: dict[type, Any] = {
    str: "https://b.example/é", bool: True, int: 5, float: 2.5, datetime: NOW + timedelta(days=3),
    date: date(2026, 11, 29),
}  # fmt: skip
# Fields that are None or empty by default, and other values of them.
SET: dict[str, Any] = {
    "comments": 3, "author_participates": True, "github_stars": 4, "version": 2, "withdrawn_on_arxiv": True,
    "revised_at": NOW, "withdrawn_at": NOW, "hub_seen_at": NOW, "arxiv_seen_at": NOW, "categories": ["cs.CL"],
    "ai_keywords": ["tides"], "media_urls": ["https://c.example"], "author_names": ["Cyn Doe"],
    "authors_json": '[["Cyn Doe", true, null, null, null, null]]', "formulas_json": "{}",
}  # fmt: skip


def change(name: str, value: Any) -> Any:
    """Give another value of a field."""
    return SET[name] if name in SET else VALUES[str if value is None else type(value)]


def vary() -> list[PaperRow]:
    """Give papers that each differ from the first one in a field."""
    first = build_paper(authors_json='[["Ada Lindqvist", false, "h1", {"name": "ada"}, null, null]]')
    changed = [
        first._replace(**{name: change(name, getattr(first, name))})
        for name in PaperRow._fields
        if name not in {"text_hash", "read_hash"}
    ]
    papers = [first, *changed]
    return [
        paper._replace(text_hash=text_hash, read_hash=read_hash)
        for paper in papers
        for text_hash in [hash_text(paper.title, paper.abstract)]
        # What was read of a text goes with the reader's version and the hash of the text.
        for read_hash in [text_hash if paper.read_title is paper.read_abstract is None else "of another text"]
    ]


def test_lists_of_papers_say_what_is_true_however_a_paper_has_changed() -> None:
    papers = vary()
    for paper in papers:
        for base in (BASE, "https://b.example"):
            fresh = PaperList(papers=[PaperOut.of(paper, base)], next="more").model_dump_json().encode()
            assert write_paper_list([paper], base, "more") == fresh, paper
            assert write_paper_list([paper], base, "more") == fresh
        assert write_item(LISTING, paper) == to_json(item(LISTING, paper)), paper
    whole = PaperList(papers=[PaperOut.of(paper, BASE) for paper in papers], next=None)
    assert write_paper_list(papers, BASE, None) == whole.model_dump_json().encode()
    assert write_paper_list([], BASE, None) == b'{"papers":[],"next":null}'


def test_an_item_of_the_hub_s_list_says_who_submitted_the_paper_to_this_list() -> None:
    paper = vary()[0]
    for change in (
        {"submitter": {"name": "cyn"}},
        {"submitter_organization": {"name": "lab"}},
        {"submitted_at": None},
    ):
        listing = LISTING._replace(**change)
        assert write_item(listing, paper) == to_json(item(listing, paper)) != write_item(LISTING, paper)
