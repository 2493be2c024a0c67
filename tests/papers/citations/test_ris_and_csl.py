"""Papers as RIS and CSL JSON can be read by reference managers, whatever text the feeds have."""

from __future__ import annotations

import json
import re
from typing import Any

import jsonschema
from hypothesis import given
from hypothesis import strategies as st

from paperround.papers.citations.csl import build_csl_item
from paperround.papers.citations.formats import CitationFormat, render_citations
from paperround.papers.citations.ris import render_ris

from support.citation_records import CITED_URL as URL
from support.citation_records import cited_paper as paper

# What CSL 1.0.2 allows of the variables that we write.
TEXT = {"type": "string", "minLength": 1}
PERSON = {
    "type": "object",
    "properties": dict.fromkeys(("family", "given", "suffix", "non-dropping-particle", "literal"), TEXT),
    "additionalProperties": False,
    "anyOf": [{"required": ["family"], "not": {"required": ["literal"]}}, {"required": ["literal"]}],
}
CSL = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            **dict.fromkeys(
                ("id", "genre", "title", "abstract", "publisher", "number", "DOI", "URL", "note"), TEXT
            ),
            "type": {"enum": ["article"]},
            "author": {"type": "array", "items": PERSON},
            "issued": {
                "type": "object",
                "properties": {
                    "date-parts": {
                        "type": "array",
                        "maxItems": 2,
                        "items": {
                            "type": "array",
                            "items": {"type": "integer"},
                            "minItems": 1,
                            "maxItems": 3,
                        },
                    }
                },
                "additionalProperties": False,
            },
        },
        "required": ["id", "type"],
        "additionalProperties": False,
    },
}


def test_a_paper_in_ris() -> None:
    names = "Ada Lindqvist", "Jan van der Berg", "Martin King Jr.", "Tide, River and Sea Lab"
    title = r"The $O(n^2)$ \emph{Barrier}"
    assert render_ris(paper(*names, title=title), url=URL).split("\r\n") == [
        "TY  - UNPB",
        "ID  - lindqvist2026barrier",
        "TI  - The O(n²) Barrier",
        "AU  - Lindqvist, Ada",
        "AU  - van der Berg, Jan",
        "AU  - King, Martin, Jr.",
        "AU  - Tide River and Sea Lab",
        "PY  - 2026",
        "DA  - 2026/03/01",
        "AB  - We wait for gradients and they come.",
        f"UR  - {URL}",
        "ER  - ",
        "",
    ]


def test_a_paper_in_csl() -> None:
    names = "Ada Lindqvist", "Jan van der Berg", "Martin King Jr.", "LLaMA Team", ":"
    published = paper(*names, doi="10.1000/a", title=r"The $O(n^2)$ \emph{Barrier}")
    assert build_csl_item(published, url=URL) == {
        "id": "lindqvist2026barrier",
        "type": "article",
        "genre": "preprint",
        "title": "The O(n²) Barrier",
        "author": [
            {"family": "Lindqvist", "given": "Ada"},
            {"family": "Berg", "given": "Jan", "non-dropping-particle": "van der"},
            {"family": "King", "given": "Martin", "suffix": "Jr."},
            {"literal": "LLaMA Team"},
        ],
        "issued": {"date-parts": [[2026, 3, 1]]},
        "abstract": "We wait for gradients\n\nand they come.",
        "publisher": "arXiv",
        "number": "arXiv:2603.00001",
        "DOI": "10.1000/a",
        "URL": URL,
    }


def test_an_invented_paper_is_cited_by_its_page_here() -> None:
    item = json.loads(
        render_citations([paper(id="0000.00001")], CitationFormat.json, site="http://x.example")
    )[0]
    assert (item["URL"], item["note"]) == ("http://x.example/papers/0000.00001", "A sample, invented")
    assert "arXiv" not in str(item)


def test_the_publishers_doi_and_all_authors_are_told() -> None:
    names = [f"Ada Lindqvist-{'x' * number}" for number in range(1, 665)]
    written = render_ris(paper(*names, doi="10.1000/a_b%20#c&d"), url=URL)
    assert "\r\nDO  - 10.1000/a_b%20#c&d\r\nUR  - " in written
    assert written.count("AU  - ") == len(names)
    assert "AU  - " not in render_ris(paper(), url=URL)


TEXTS = st.one_of(
    st.text(max_size=60), st.text(alphabet='{}\\$%#&_^~@", anx(0)[]\n\u2028\x85\r', max_size=40)
)


@given(title=TEXTS, abstract=TEXTS, names=st.lists(TEXTS, max_size=5))
def test_each_line_of_ris_is_one_value_for_any_texts(title: str, abstract: str, names: list[str]) -> None:
    lines = render_ris(paper(*names, title=title, abstract=abstract), url=URL).split("\r\n")
    assert lines.pop() == ""
    assert all(re.fullmatch(r"(TY|ID|TI|AU|PY|DA|AB|UR|ER)  - .*", line) for line in lines)
    assert all(len(line.splitlines()) == 1 for line in lines)
    assert (lines[0], lines[-1]) == ("TY  - UNPB", "ER  - ")


@given(title=TEXTS, abstract=TEXTS, names=st.lists(TEXTS, max_size=5))
def test_csl_of_any_texts_is_valid(title: str, abstract: str, names: list[str]) -> None:
    papers = [paper(*names, title=title, abstract=abstract)] * 2
    items: list[dict[str, Any]] = json.loads(render_citations(papers, CitationFormat.json, site="http://x"))
    jsonschema.validate(items, CSL)
    assert len({item["id"] for item in items}) == len(items)
