"""Reading a library's file: BibTeX and RIS as managers write them, and anything else."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from paperround.topics import bibliography
from paperround.topics.bibliography import BibliographyInvalid, parse_bibliography

BIBTEX = r"""
% exported, with a comment
@string{venue = "A Venue"}
@article{lindqvist2026, title = {{Rivers} of {M}eaning}, author={Ada Lindqvist}, eprint = {2603.00001},
  archivePrefix = {arXiv}}
@MISC{astrom, Title="Schr{\"o}dinger's Patience", journal={arXiv preprint arXiv:2603.00002v3 (2026)}}
@inproceedings{c, title={Only a Title}, booktitle=venue, doi = {https://doi.org/10.1000/xyz.5}}
@misc{old, url={https://arxiv.org/abs/astro-ph/0601001}}
@article{by-address, doi={}, url={https://dx.doi.org/10.1000/ABC{\_}7}}
@misc{by-doi, title={By its DOI}, doi={10.48550/arXiv.2603.00004}}
@comment{nothing}
@misc{again, title = {{Rivers} of {M}eaning}, eprint = {2603.00001}}
@article{broken, title={never closed
"""
RIS = """TY  - JOUR
TI  - Rivers of Meaning
AU  - Lindqvist, Ada
UR  - https://arxiv.org/abs/2603.00001
ER  -

TY  - CONF
T1  - Only a Title
DO  - 10.1000/xyz.5
ER  -

TY  - JOUR
UR  - https://doi.org/10.1000/ABC_7
ER  -
"""


def names_in(content: bytes) -> list[tuple[str, str, str]]:
    return [reference.names for reference in parse_bibliography(content)]


def test_bibtex_as_managers_write_it() -> None:
    assert names_in(BIBTEX.encode()) == [
        ("2603.00001", "", "Rivers of Meaning"),
        ("2603.00002", "", "Schrödinger's Patience"),
        ("", "10.1000/xyz.5", "Only a Title"),
        ("astro-ph/0601001", "", ""),
        ("", "10.1000/abc_7", ""),
        ("2603.00004", "10.48550/arxiv.2603.00004", "By its DOI"),
        ("", "", "never closed"),
    ]


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_ris_as_managers_write_it(line_end: str, mark: str) -> None:
    content = (mark + RIS.replace("\n", line_end)).encode()
    assert names_in(content) == [
        ("2603.00001", "", "Rivers of Meaning"),
        ("", "10.1000/xyz.5", "Only a Title"),
        ("", "10.1000/abc_7", ""),
    ]


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"%PDF-1.7 \x00\xff", b"@", b"TY", "Émile @ home".encode()]
)
def test_what_is_no_library_is_said_to_be_none(content: bytes) -> None:
    with pytest.raises(BibliographyInvalid, match="No entry"):
        parse_bibliography(content)


FILES = Path(__file__).parent / "reference_files"
PATIENT, SECOND = "2611.00101", "2611.00201"
NAMED = {
    "bib-at-line.bib": [PATIENT],
    "bib-dblp.bib": [PATIENT, SECOND],
    "bib-jabref.bib": [f"2611.00{n}01" for n in range(1, 8)],
    "bib-mendeley.bib": [PATIENT, SECOND],
    "bib-scholar.bib": [PATIENT],
    "bib-string-title.bib": [PATIENT],
    "bib-zotero-bbt.bib": [PATIENT],
    "csl.json": [PATIENT],
    "endnote.enw": [PATIENT, SECOND],
    "ids.txt": [PATIENT, SECOND, "2611.00301"],
    "ris-no-er-last.ris": [PATIENT, SECOND],
    "ris-one-blank.ris": [PATIENT, SECOND],
    "ris-tabs.ris": [PATIENT],
    "ris-ti-before-ty.ris": [PATIENT],
    "ris-two-ur.ris": [PATIENT],
    "ris-zotero.ris": [PATIENT],
}


@pytest.mark.parametrize(("name", "ids"), NAMED.items(), ids=list(NAMED))
def test_files_of_managers_name_their_papers(name: str, ids: list[str]) -> None:
    found = parse_bibliography((FILES / name).read_bytes())
    assert [reference.arxiv_id for reference in found] == ids
    assert all(reference.title for reference in found) or name == "ids.txt"


def test_macros_in_titles_are_letters() -> None:
    found = parse_bibliography((FILES / "bib-macros.bib").read_bytes())
    assert [reference.title for reference in found] == [
        "Weierstraß Functions for Everyone",
        "Erdős Numbers at Scale",
        "Čech Nerve Descent",
        "Møller Scattering by Transformers",
        "R²-Gen Models of Rivers",
        "β-VAE in the Garden",
        "Łukasiewicz Logic Layers",
        "Ångström-Scale Diffusion",
        "Naïve Façades: Über-Models",
        "Schrödinger Bridges and Erdős–Rényi Priors",
        "H₂O Storage and O(n log n) Sorting for Ponds",
        "GPT-4o versus iPhone: What BERT and mRNA Know About DNA",
    ]


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp1252"]
)
@pytest.mark.parametrize(
    "text",
    [
        "@article{a,\n  title = {Über Geduld und Gradienten}\n}\n@article{b,\n  title = {Naïve Façades}}\n",
        "TY  - JOUR\nTI  - Über Geduld und Gradienten\nER  - \n\nTY  - JOUR\nTI  - Naïve Façades\nER  - \n",
        "%0 Journal Article\n%T Über Geduld und Gradienten\n\n%0 Journal Article\n%T Naïve Façades\n",
        '[{"title": "Über Geduld und Gradienten"},\n {"title": "Naïve Façades"}]\n',
        '"Key","Title"\n"A","Über Geduld und Gradienten"\n"B","Naïve Façades"\n',
    ],
)
def test_every_format_is_read_in_every_encoding(text: str, encoding: str, line_end: str) -> None:
    found = parse_bibliography(text.replace("\n", line_end).encode(encoding))
    assert [reference.title for reference in found] == ["Über Geduld und Gradienten", "Naïve Façades"]


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("PMID- 12345\nTI  - Patient Gradients Wait for\n      Slow Tides.\nLID - 10.1000/x.1 [doi]\n",
         ("", "10.1000/x.1", "Patient Gradients Wait for Slow Tides")),
        ("  ty - JOUR\n  ti - Indented and in Lower Case\n  do - 10.1000/x.2\n  er -\n",
         ("", "10.1000/x.2", "Indented and in Lower Case")),
        ("TY  - JOUR\nT1  - Two DOIs\nDO  - \nDO  - 10.1000/x.3\nER  - ",
         ("", "10.1000/x.3", "Two DOIs")),
        ('"Title","DOI","Url","Extra"\n"With an Extra","","https://example.org","arXiv:2611.00101 [cs]"\n',
         ("2611.00101", "", "With an Extra")),
        ('{"items": [{"title": "In Items", "note": "arXiv:2611.00101 [cs.LG]"}]}',
         ("2611.00101", "", "In Items")),
        ("https://arxiv.org/abs/2611.00101v2\nhttps://doi.org/10.1000/X.9\n",
         ("2611.00101", "", "")),
        ("@article(k, title = {In (round) brackets}, eprint = {2611.00101})",
         ("2611.00101", "", "In (round) brackets")),
        ('@string{a = "One"}@misc{k, title = a # " and " # {Two}, url = {https://arxiv.org/pdf/2611.00101v3}}',
         ("2611.00101", "", "One and Two")),
        ("@MISC { k , TITLE = 2026 , HOWPUBLISHED = {\\url{https://arxiv.org/abs/2611.00101}} }",
         ("2611.00101", "", "2026")),
    ],
)  # fmt: skip
def test_other_ways_of_writing_entries(text: str, reference: tuple[str, str, str]) -> None:
    assert names_in(text.encode())[0] == reference


def test_an_entry_that_is_never_closed_costs_no_other() -> None:
    content = "@misc{a, title={Open\n@misc{b, title={Next}, eprint={2611.00201}}\n@misc{c, title={Last"
    assert [reference.title for reference in parse_bibliography(content.encode())] == ["Open", "Next", "Last"]


def test_entries_may_be_of_any_length_and_are_not_cut_at_two_megabytes() -> None:
    long_note = "patience " * 20_000
    many = "".join(f"@misc{{k{n}, note={{{long_note}}}, title={{Title {n}}}}}\n" for n in range(20))
    assert len(many) > 2_000_000
    found = parse_bibliography(many.encode())
    assert [reference.title for reference in found] == [f"Title {n}" for n in range(20)]


def test_a_file_too_large_is_not_looked_at() -> None:
    with pytest.raises(BibliographyInvalid, match="at most 30 MB"):
        parse_bibliography(b"x" * (bibliography.MAX_BYTES + 1))


PARTS = [
    "@article{k,", "@misc{", "title=", "{", "}", '"', ",", "@string{a=", "#", "\\", "$", "2603.00001",
    "arXiv:", "10.48550/arXiv.", "é", "=", "eprint={", "\n", "TY  - ", "TI  - ", "ER  - ", "AU  - ",
    "UR  - ", "DO  - ", "\0",
]  # fmt: skip
pieces = st.sampled_from(PARTS)


@given(st.lists(st.one_of(pieces, st.text(max_size=12)), max_size=60).map("".join))
@example("@misc{k, title={x}, title={y}}")
@example("TY  - \nER  - \nER  - \nTI  - x")
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    try:
        found = parse_bibliography(text.encode("utf-8", "replace"))
    except BibliographyInvalid:
        return
    assert found
    assert len(found) == len({reference.names for reference in found})
    for reference in found:
        assert reference.label
        assert "\0" not in repr(reference)
        assert len(reference.title) <= bibliography.MAX_TITLE_LENGTH


@given(st.binary(max_size=400))
def test_any_bytes_too(content: bytes) -> None:
    with suppress(BibliographyInvalid):
        assert parse_bibliography(content)


FAST = 20  # times real time


@pytest.mark.parametrize(
    "unit",
    [
        "@a{",
        "@a{k,t={x\n",
        "@a{k,",
        "TY  - a\n",
        "@a{k,title={$\\{}}\n",
        "@a{k,title={arxiv:}}\n",
        "{",
        "\n@",
    ],
)
def test_hostile_files_take_bounded_time(unit: str) -> None:
    """By a clock that is fast, since the worst one takes all the time that it may."""
    content = (unit * (1_000_000 // len(unit))).encode()
    start = time.thread_time()
    with suppress(BibliographyInvalid):
        parse_bibliography(content, clock=lambda: time.thread_time() * FAST)
    assert time.thread_time() - start < bibliography.PARSE_TIMEOUT / FAST + 3


def test_patience_ends_with_what_was_read_so_far() -> None:
    ticks = iter(range(0, 1000, 5))
    many = "".join(f"@misc{{k{n}, title={{Title {n}}}}}\n" for n in range(50))
    found = parse_bibliography(many.encode(), clock=lambda: float(next(ticks)))
    assert 0 < len(found) < 10
