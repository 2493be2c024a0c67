"""Bibliographies: what the entries of a file name that a reference manager exported, whatever its format.

The file may hold anything. It is read entry by entry, within bounds of size and time. These are pure
functions.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from paperround.errors import PaperroundError
from paperround.i18n.messages import gettext as _
from paperround.i18n.messages import mark_message
from paperround.papers import arxiv_id, doi
from paperround.text.person_name import PersonName
from paperround.text.plain import to_plain_text
from paperround.topics.references.authors import read_bibtex_authors, read_listed_authors
from paperround.topics.references.bibtex import ENTRY, read_bibtex
from paperround.topics.references.decoding import decode_file
from paperround.topics.references.other_formats import TITLE_COLUMNS, read_csl, read_csv, read_list
from paperround.topics.references.tagged import ENDNOTE_LINE, TAGGED_LINE, read_endnote, read_ris
from paperround.topics.references.tex import find_closing_brace, read_tex

MAX_BYTES: Final = 30_000_000
MAX_ENTRIES: Final = 10_000
MAX_FIELD_LENGTH: Final = 60_000  # characters of one field that are looked at
PARSE_TIMEOUT: Final = 20.0  # seconds; 30 MB take three
MAX_TITLE_LENGTH: Final = 500
MAX_ABSTRACT_LENGTH: Final = 10_000  # characters
MAX_OUTER_BRACES: Final = 3
SAMPLE_LENGTH: Final = 200_000  # characters by which the format is told

ARXIV_DOI: Final = re.compile(r"10\.48550/arxiv\.(?P<id>[\w./-]+)", re.I)
ARXIV_MENTION: Final = re.compile(r"(?:arxiv(?:\.org/(?:abs|pdf|html))?[:/\s]\s?|\babs/)(\S{1,40})", re.I)

ID_FIELDS: Final = (
    "eprint", "arxivid", "arxiv", "doi", "do", "url", "ur", "l1", "l2", "l3", "lk", "an", "u", "m3", "volume",
    "vl", "journal", "jo", "ja", "jf", "t2", "note", "n1", "number", "extra", "lid", "aid", "j", "archive_id",
    "archiveid", "howpublished", "archiveprefix", "r", "m1", "file attachments",
)  # fmt: skip
TITLE_FIELDS: Final = ("title", "ti", "t1", "t", "ct", "bt", *TITLE_COLUMNS)
DOI_FIELDS: Final = ("doi", "do", "r", "lid", "aid", "m3", "url", "ur", "u", "l3", "note", "n1", "extra")

ABSTRACTS: Final = ("abstract", "ab", "n2", "x", "abstract note")
AUTHOR_FIELDS: Final = ("fau", "au", "a1", "a", "authors")
YEAR_FIELDS: Final = ("year", "py", "y1", "issued", "date", "da", "dp", "d", "publication year")
YEAR: Final = re.compile(r"(?<!\d)(?:1[5-9]|20)\d\d(?!\d)")

Record = Mapping[str, Sequence[str]]


class Reference(NamedTuple):
    """A work that an entry names. Empty fields are unknown. DOIs are as `papers.doi` writes them.

    `abstract` is as the file has it, with any LaTeX; `read_abstract` reads it.
    """

    arxiv_id: str
    doi: str
    title: str
    authors: tuple[PersonName, ...] = ()
    year: str = ""
    abstract: str = ""

    @property
    def names(self) -> tuple[str, str, str]:
        """What tells works apart."""
        return self.arxiv_id, self.doi, self.title

    @property
    def label(self) -> str:
        """What the reader would know the entry by."""
        name = self.title or self.doi or self.arxiv_id
        first = self.authors[0].literal or self.authors[0].full_family if self.authors else ""
        told = ", ".join(filter(None, (f"{first} et al." if len(self.authors) > 1 else first, self.year)))
        return f"{name} ({told})" if told else name

    @property
    def read_abstract(self) -> str:
        return to_plain_text(read_tex(self.abstract))


class BibliographyInvalid(PaperroundError):
    """The file is in no format that can be read, or too large. The text tells the reader which."""

    title = mark_message("Not a library")
    status = 400
    advice = mark_message(
        "Export it as BibTeX, RIS, EndNote (.enw), PubMed (.nbib), CSL JSON or CSV, or make a list of arXiv "
        "ids or DOIs."
    )


def parse_bibliography(content: bytes, *, clock: Callable[[], float] = time.monotonic) -> list[Reference]:
    """List the distinct entries that name something, in the file's order. Raises `BibliographyInvalid`."""
    if len(content) > MAX_BYTES:
        raise BibliographyInvalid(
            _("The file is too large: at most %(value)s MB can be read.", value=MAX_BYTES // 1000000),
            advice=_("Export a part of it."),
        )
    records = _stop_in_time(_read_records(decode_file(content)), clock)
    references: dict[tuple[str, str, str], Reference] = {}
    for reference in map(_build_reference, records):
        if any(reference.names):
            references.setdefault(reference.names, reference)
    if not references:
        raise BibliographyInvalid(_("No entry of a library was found in it."))
    return list(references.values())


def _read_records(text: str) -> Iterator[Record]:
    """Read a file in the format that its beginning looks like."""
    sample = text[:SAMPLE_LENGTH]
    first = sample.lstrip()[:1]
    if first in ("[", "{") and (items := list(read_csl(text))):
        return iter(items)
    tagged = [tag[1].upper() for line in sample.split("\n") if (tag := TAGGED_LINE.match(line))]
    if ENTRY.search(sample) and "TY" not in tagged:
        return _as_lists(read_bibtex(text))
    if {"TY", "PMID"} & set(tagged) or ({"TI", "T1"} & set(tagged) and len(tagged) > 1):
        return ({tag.lower(): values for tag, values in record.items()} for record in read_ris(text))
    if sum(ENDNOTE_LINE.match(line) is not None for line in sample.split("\n")) > 1:
        return ({tag.lower(): values for tag, values in record.items()} for record in read_endnote(text))
    rows = _as_lists(read_csv(text))
    if (row := next(rows, None)) is not None:
        return iter([row, *rows])
    return _as_lists(read_list(text))


def _as_lists(records: Iterable[Mapping[str, str]]) -> Iterator[Record]:
    return ({name: [value] for name, value in record.items()} for record in records)


def _stop_in_time(records: Iterator[Record], clock: Callable[[], float]) -> Iterator[Record]:
    deadline = clock() + PARSE_TIMEOUT
    for number, record in enumerate(records):
        if number >= MAX_ENTRIES or clock() > deadline:
            return
        yield record


def _build_reference(record: Record) -> Reference:
    texts = {name: [_strip_field(value) for value in values] for name, values in record.items()}
    title = next((value for name in TITLE_FIELDS for value in texts.get(name, ()) if value), "")
    likely = [value for name in ID_FIELDS for value in texts.get(name, ())]
    others = [value for name, values in texts.items() if name not in ABSTRACTS for value in values]
    dois = (doi.find_doi(value) for name in DOI_FIELDS for value in texts.get(name, ()))
    years = (YEAR.search(value) for name in YEAR_FIELDS for value in texts.get(name, ()))
    abstracts = (value for name in ABSTRACTS for value in texts.get(name, ()) if " " in value)
    return Reference(
        next(filter(None, map(_find_arxiv_id, [*likely, *others])), ""),
        next(filter(None, dois), ""),
        to_plain_text(read_tex(title[: 2 * MAX_TITLE_LENGTH]))[:MAX_TITLE_LENGTH].rstrip(". "),
        tuple(_read_authors(record)),
        next((year[0] for year in years if year), ""),
        next(abstracts, "")[:MAX_ABSTRACT_LENGTH],
    )


def _read_authors(record: Record) -> list[PersonName]:
    named = record.get("author", ())
    if len(named) == 1 and ";" not in named[0]:
        return read_bibtex_authors(named[0])
    return read_listed_authors(named or next((record[tag] for tag in AUTHOR_FIELDS if record.get(tag)), ()))


def _strip_field(value: str) -> str:
    """Strip the braces or quotes around a whole field."""
    text = value[:MAX_FIELD_LENGTH].strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1]
    for _brace in range(MAX_OUTER_BRACES):
        if not text.startswith("{") or find_closing_brace(text) != len(text) - 1:
            break
        text = text[1:-1].strip()
    return to_plain_text(text)


def _find_arxiv_id(text: str) -> str | None:
    """Find an arXiv id: alone, in an address, in arXiv's own DOI, or after `arXiv:` or `abs/`."""
    arxiv_doi = ARXIV_DOI.search(text)
    if arxiv_doi:
        return arxiv_id.parse_id_or_url(arxiv_doi["id"].rstrip("."))
    mentions = (mention.rstrip(".,;)]}") for mention in ARXIV_MENTION.findall(text[:1000]))
    return arxiv_id.parse_id_or_url(text) or next(filter(None, map(arxiv_id.parse_id_or_url, mentions)), None)
