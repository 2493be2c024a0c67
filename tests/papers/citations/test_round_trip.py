"""What we write is read as the same works by other programs and by ourselves."""

from __future__ import annotations

import io
import unicodedata
from datetime import UTC, datetime

import pytest
import rispy
from hypothesis import given
from hypothesis import strategies as st
from pybtex.database.input.bibtex import Parser

from paperround.papers.citations.formats import CitationFormat, render_citations
from paperround.papers.citations.work import list_authors
from paperround.papers.rows import PaperRow
from paperround.text.person_name import PARTICLES, PersonName
from paperround.topics.bibliography import parse_bibliography

from support.citation_records import cited_paper

SITE = "https://papers.example.org"
GIVEN = [
    "Ada",
    "Jean-Luc",
    "J. R.",
    "Xiaoming",
    "José María",
    "Olufunmilayo",
    "bell",
    "Łukasz",
    "小明",
    "Maeve R.",
]
FAMILY = [
    "Lindqvist",
    "O'Brien-Kato",
    "Åström",
    "Wang",
    "Erdős",
    "Van den Broek",
    "La Vallée",
    "hooks",
    "王",
    "Nuñez",
]
WHOLE = [
    "DeepSeek-AI",
    "LLaMA Team",
    "Search and Rescue",
    "AT&T Research",
    "01.AI",
    "Tide_Lab 100%",
    "王小明",
    "Plato",
]
WORDS = [
    "Patient", "gradients", "GPT-4", "BERT", "iPhone", "A*", "C++", "50%", "R&D", "#1", "Schrödinger", "the",
    "of", "β-VAE", "$O(n)$", r"$\alpha$-nets", "R²", "k-NN", "3D:", "Waiting?", "~", "a_b", "“quoted”",
    "it's",
    "大きさ",
]  # fmt: skip


@st.composite
def author_names(draw: st.DrawFn) -> str:
    if draw(st.booleans()):
        return draw(st.sampled_from(WHOLE))
    particle = draw(st.sampled_from(["", "", *sorted(PARTICLES)]))
    suffix = draw(st.sampled_from(["", "", "", " Jr.", " III", ", Ph.D."]))
    name = f"{draw(st.sampled_from(GIVEN))} {particle} {draw(st.sampled_from(FAMILY))}{suffix}"
    return " ".join(name.split())


@st.composite
def papers(draw: st.DrawFn) -> PaperRow:
    return cited_paper(
        *draw(st.lists(author_names(), max_size=6)),
        id=draw(st.sampled_from(["2603.00001", "2611.12345", "astro-ph/0601001", "0704.0001"])),
        title=" ".join(draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=9))),
        doi=draw(st.sampled_from([None, "10.1000/a_b(1)<2>"])),
        published_at=draw(st.integers(1991, 2099).map(lambda year: datetime(year, 8, 1, tzinfo=UTC))),
    )


@pytest.mark.parametrize("form", CitationFormat)
@given(paper=papers())
def test_our_own_reader_reads_what_we_write(form: CitationFormat, paper: PaperRow) -> None:
    (found,) = parse_bibliography(render_citations([paper], form, site=SITE).encode())
    assert list(found.authors) == list_authors(paper)
    assert found.year == str(paper.published_at.year)
    assert (found.arxiv_id, found.doi) == (paper.id, paper.doi or "")
    assert comparable(found.title) == comparable(title_of(paper))


def title_of(paper: PaperRow) -> str:
    return paper.title.replace("$O(n)$", "O(n)").replace(r"$\alpha$", "α")


def comparable(title: str) -> str:
    """Titles end in no full stop, and a tie is a space."""
    return unicodedata.normalize("NFC", " ".join(title.replace("~", " ").split()).rstrip(". "))


@given(paper=papers())
def test_bibtex_splits_names_as_we_do(paper: PaperRow) -> None:
    entry = Parser().parse_string(render_citations([paper], CitationFormat.bib, site=SITE)).entries.values()
    (persons,) = [one.persons.get("author", []) for one in entry]
    found = [
        tuple(
            map(
                as_text,
                (one.last_names, one.first_names + one.middle_names, one.prelast_names, one.lineage_names),
            )
        )
        for one in persons
    ]
    assert found == [parts_of(name) for name in list_authors(paper)]


def as_text(words: list[str]) -> str:
    text = " ".join(words)
    return text.replace("{", "").replace("}", "").replace("\\&", "&").replace("\\%", "%").replace("\\_", "_")


def parts_of(name: PersonName) -> tuple[str, ...]:
    return (name.literal or name.family, name.given, name.particle, name.suffix)


@given(paper=papers())
def test_ris_is_read_with_names_as_they_sort(paper: PaperRow) -> None:
    (entry,) = rispy.load(io.StringIO(render_citations([paper], CitationFormat.ris, site=SITE)))
    assert entry.get("authors", []) == [name.sorted_form for name in list_authors(paper)]
    assert (entry["year"], entry["urls"]) == (
        str(paper.published_at.year),
        [f"https://arxiv.org/abs/{paper.id}"],
    )
    assert entry.get("doi") == paper.doi


def test_papers_of_one_key_get_keys_of_their_own() -> None:
    two = [cited_paper("Ada Lindqvist"), cited_paper("Ada Lindqvist", id="2603.00002")]
    found = Parser().parse_string(render_citations(two, CitationFormat.bib, site=SITE)).entries
    assert list(found) == ["lindqvist2026patient", "lindqvist2026patient260300002"]
