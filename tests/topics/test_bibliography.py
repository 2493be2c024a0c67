"""Reading a library's file: BibTeX and RIS as managers write them, and anything else."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from paperround.topics import bibliography
from paperround.topics.bibliography import BibliographyInvalid, Reference, parse_bibliography

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


def test_bibtex_as_managers_write_it() -> None:
    assert parse_bibliography(BIBTEX.encode()) == [
        Reference("2603.00001", "", "Rivers of Meaning"),
        Reference("2603.00002", "", "Schrödinger's Patience"),
        Reference("", "10.1000/xyz.5", "Only a Title"),
        Reference("astro-ph/0601001", "", ""),
        Reference("", "10.1000/abc_7", ""),
        Reference("2603.00004", "10.48550/arxiv.2603.00004", "By its DOI"),
    ]


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_ris_as_managers_write_it(line_end: str, mark: str) -> None:
    content = (mark + RIS.replace("\n", line_end)).encode()
    assert parse_bibliography(content) == [
        Reference("2603.00001", "", "Rivers of Meaning"),
        Reference("", "10.1000/xyz.5", "Only a Title"),
        Reference("", "10.1000/abc_7", ""),
    ]


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"%PDF-1.7 \x00\xff", b"@", b"TY", "Émile @ home".encode()]
)
def test_what_is_no_library_is_said_to_be_none(content: bytes) -> None:
    with pytest.raises(BibliographyInvalid, match="No entry"):
        parse_bibliography(content)


def test_a_file_too_large_is_not_looked_at() -> None:
    with pytest.raises(BibliographyInvalid, match="at most 2 MB"):
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
    assert len(found) == len(set(found))
    for reference in found:
        assert reference.label
        assert "\0" not in "".join(reference)
        assert len(reference.title) <= bibliography.MAX_TITLE_LENGTH


@given(st.binary(max_size=400))
def test_any_bytes_too(content: bytes) -> None:
    with suppress(BibliographyInvalid):
        assert parse_bibliography(content)


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
    content = (unit * (bibliography.MAX_BYTES // len(unit))).encode()
    start = time.thread_time()
    with suppress(BibliographyInvalid):
        parse_bibliography(content, clock=time.thread_time)
    assert time.thread_time() - start < bibliography.PARSE_TIMEOUT + 3


def test_patience_ends_with_what_was_read_so_far() -> None:
    ticks = iter(range(100))
    many = "".join(f"@misc{{k{n}, title={{Title {n}}}}}\n" for n in range(50))
    found = parse_bibliography(many.encode(), clock=lambda: float(next(ticks)))
    assert 0 < len(found) < 10
