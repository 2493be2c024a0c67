"""Exports of fourteen programs, in the form that each writes, are read as the same work."""

from __future__ import annotations

from pathlib import Path

import pytest

from paperround.text.person_name import PersonName
from paperround.topics.bibliography import Reference, parse_bibliography

EXPORTS = sorted((Path(__file__).parent / "manager_exports").iterdir())
ABSTRACT = "We wait for gradients, and they come."
WITHOUT_ABSTRACT = {"dblp", "google-scholar"}
DOI = "10.48550/arxiv.2611.00101"
AUTHORS = (
    PersonName("Berg", "Jan", "van der"),
    PersonName("Åström", "Ada"),
    PersonName("King", "Martin", "", "Jr."),
    PersonName(literal="LLaMA Team"),
)


@pytest.mark.parametrize("file", EXPORTS, ids=lambda file: file.name)
def test_an_export_is_read_as_the_work_that_it_names(file: Path) -> None:
    (found,) = parse_bibliography(file.read_bytes())
    assert found.title == "Patient Gradients for BERT: Waiting with β-VAE"
    assert (found.arxiv_id, found.year) == ("2611.00101", "2026")
    assert found.doi in (DOI, "")
    with_dots = [name._replace(suffix=name.suffix and "Jr.") for name in found.authors]
    assert tuple(with_dots) == AUTHORS
    assert found.abstract == ("" if file.stem in WITHOUT_ABSTRACT else ABSTRACT)


def test_fourteen_programs_are_covered() -> None:
    assert len(EXPORTS) == 18
    assert len({file.stem.removesuffix("-better-bibtex") for file in EXPORTS}) == 14


def test_a_label_tells_who_and_when() -> None:
    assert Reference("", "", "Tides", AUTHORS, "2026").label == "Tides (van der Berg et al., 2026)"
    assert Reference("", "", "Tides", AUTHORS[3:]).label == "Tides (LLaMA Team)"
    assert Reference("", DOI, "").label == DOI
