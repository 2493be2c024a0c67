"""Papers within pages: Highwire Press tags and COinS, as a reference manager's browser button reads them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

from paperround.papers.citations.embedded import build_coins, list_citation_tags

from support.citation_records import CITED_URL, cited_paper

SITE = "https://papers.example.org"


def test_a_page_has_the_tags_of_a_preprint_in_arxivs_forms() -> None:
    paper = cited_paper(
        "Ada van der Lindqvist", "Benedikt Åström Jr.", "The Rivers, Deltas Team", doi="10.1/a_b"
    )
    assert list_citation_tags(paper, site=SITE) == [
        ("citation_title", "Patient Gradients"),
        ("citation_author", "van der Lindqvist, Ada"),
        ("citation_author", "Åström, Benedikt, Jr."),
        ("citation_author", "The Rivers Deltas Team"),
        ("citation_publication_date", "2026/03/01"),
        ("citation_online_date", "2026/03/01"),
        ("citation_abstract_html_url", CITED_URL),
        ("citation_doi", "10.1/a_b"),
        ("citation_abstract", "We wait for gradients\n\nand they come."),
        ("citation_publisher", "arXiv"),
        ("citation_arxiv_id", "2603.00001"),
        ("citation_pdf_url", "https://arxiv.org/pdf/2603.00001"),
    ]


def test_a_list_has_an_openurl_of_each_paper() -> None:
    paper = cited_paper("Ada Lindqvist", "Benedikt Åström", title="A & B = <C>; $x^2$", doi="10.1/a_b")
    assert parse_qs(build_coins(paper), strict_parsing=True) == {
        "ctx_ver": ["Z39.88-2004"],
        "rft_val_fmt": ["info:ofi/fmt:kev:mtx:dc"],
        "rft.type": ["preprint"],
        "rft.title": ["A & B = <C>; x²"],
        "rft.creator": ["Lindqvist, Ada", "Åström, Benedikt"],
        "rft.date": ["2026-03-01"],
        "rft.identifier": [CITED_URL],
        "rft_id": ["info:doi/10.1/a_b"],
    }


def test_what_is_invented_is_nowhere_on_arxiv() -> None:
    sample = cited_paper("Ada Lindqvist", id="0000.00001")
    assert "arxiv" not in str(list_citation_tags(sample, site=SITE)).lower()
    assert "arxiv" not in build_coins(sample).lower()


def test_no_paper_makes_a_list_large() -> None:
    for text in ("論文" * 400, "<\"'&>" * 200, "x" * 2_000, "a b " * 400):
        paper = cited_paper(*[f"{text[:300]} {n}" for n in range(3_000)], title=text)
        coins = build_coins(paper)
        assert len(coins) < 800
        assert len(parse_qs(coins, strict_parsing=True)["rft.creator"]) >= 1
        assert sum(len(content) for _, content in list_citation_tags(paper, site=SITE)) < 400_000


def test_what_a_list_says_of_a_paper_follows_each_of_its_facts_and_is_written_once_for_equal_ones() -> None:
    paper = cited_paper("Ada Lindqvist")
    first = build_coins(paper)
    assert build_coins(paper._replace(upvotes=99, comments=3)) is first
    changes: list[dict[str, Any]] = [
        {"title": "Impatient Gradients"},
        {"author_names": ["Cyn Doe"]},
        {"published_at": paper.published_at + timedelta(days=1)},
        {"id": "2603.00002"},
        {"doi": "10.1000/1"},
    ]
    assert all(build_coins(paper._replace(**change)) != first for change in changes)
