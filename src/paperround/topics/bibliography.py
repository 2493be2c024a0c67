"""Bibliographies: what the entries of a file name that a reference manager exported (BibTeX or RIS). Pure.

The file may hold anything. It is parsed entry by entry, within bounds of size and time.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import rispy
from bibtexparser.entrypoint import parse_string
from bibtexparser.exceptions import ParsingException

from paperround.errors import PaperroundError
from paperround.papers import arxiv_id, doi
from paperround.text.markup import render_unicode, to_plain_text

MAX_BYTES: Final = 2_000_000
MAX_ENTRIES: Final = 2000
MAX_ENTRY_LENGTH: Final = 60_000  # characters
PARSE_TIMEOUT: Final = 3.0  # seconds; a large file takes one
MAX_TITLE_LENGTH: Final = 500

ARXIV_DOI: Final = re.compile(r"10\.48550/arxiv\.(?P<id>\S+)", re.I)
BIBTEX_STARTS: Final = re.compile(r"^[ \t]*@(?=\s*\w)", re.M)
RIS_STARTS: Final = re.compile(r"^TY  - ", re.M)

logging.getLogger("bibtexparser").setLevel(logging.CRITICAL)  # it logs every entry that it cannot read


class Reference(NamedTuple):
    """A work that an entry names. Empty fields are unknown. DOIs are as `papers.doi` writes them."""

    arxiv_id: str
    doi: str
    title: str

    @property
    def label(self) -> str:
        """What the reader would know the entry by."""
        return self.title or self.doi or self.arxiv_id


class BibliographyInvalid(PaperroundError):
    """The file is neither BibTeX nor RIS, or too large. The text tells the reader which."""

    title = "Not a library"
    status = 400


def parse_bibliography(content: bytes, *, clock: Callable[[], float] = time.monotonic) -> list[Reference]:
    """List the distinct entries that name something, in the file's order. Raises `BibliographyInvalid`."""
    if len(content) > MAX_BYTES:
        raise BibliographyInvalid(f"The file is too large: at most {MAX_BYTES // 1_000_000} MB can be read.")
    text = content.decode("utf-8-sig", "replace").replace("\0", "").replace("\r\n", "\n")
    if RIS_STARTS.search(text):
        records = _parse_within_timeout(_split_entries(text, RIS_STARTS), _parse_ris, clock)
    else:
        records = _parse_within_timeout(_split_entries(text, BIBTEX_STARTS), _parse_bibtex, clock)
    references = dict.fromkeys(reference for record in records if any(reference := _build_reference(record)))
    if not references:
        raise BibliographyInvalid("No entry of a BibTeX or RIS file was found in it.")
    return list(references)


def _split_entries(text: str, starts: re.Pattern[str]) -> Iterator[str]:
    """Split a file into entries. Pieces that are too long to be an entry are skipped."""
    places = [match.start() for match in starts.finditer(text)][: MAX_ENTRIES + 1]
    for start, end in zip(places, [*places[1:], len(text)], strict=False):
        if end - start <= MAX_ENTRY_LENGTH:
            yield text[start:end]


def _parse_within_timeout(
    pieces: Iterable[str],
    parse: Callable[[str], Iterable[Mapping[str, Any]]],
    clock: Callable[[], float],
) -> Iterator[Mapping[str, Any]]:
    """Parse entries until the time is over."""
    deadline = clock() + PARSE_TIMEOUT
    for piece in pieces:
        if clock() > deadline:
            return
        yield from parse(piece)


def _parse_bibtex(piece: str) -> Iterable[Mapping[str, Any]]:
    try:
        library = parse_string(piece, parse_stack=[])
    except (ValueError, IndexError, AttributeError, RecursionError, ParsingException):
        return []
    return [{field.key.lower(): field.value for field in entry.fields} for entry in library.entries]


def _parse_ris(piece: str) -> Iterable[Mapping[str, Any]]:
    try:
        records: Sequence[Mapping[str, Any]] = rispy.loads(piece)
    except (ValueError, IndexError, KeyError, AttributeError, TypeError, OSError):  # raised for broken lines
        return []
    return records


def _build_reference(record: Mapping[str, Any]) -> Reference:
    texts = {key: _strip_field(value) for key, value in record.items()}
    candidates = [*(texts.get(name, "") for name in ("eprint", "arxivid", "arxiv", "doi", "url", "note")),
                  *texts.values()]  # fmt: skip
    title = next((texts[name] for name in ("title", "primary_title") if texts.get(name)), "")
    dois = (doi.find_doi(texts.get(name, "")) for name in ("doi", "url", "urls"))
    return Reference(
        next(filter(None, map(_find_arxiv_id, candidates)), ""),
        next(filter(None, dois), ""),
        to_plain_text(render_unicode(title.replace("{", "").replace("}", "")))[:MAX_TITLE_LENGTH],
    )


def _strip_field(value: object) -> str:
    """Strip the braces or quotes around a field."""
    first = value[0] if isinstance(value, list) and value else value
    text = first.strip() if isinstance(first, str) else ""
    if len(text) > 1 and (text[0], text[-1]) in {("{", "}"), ('"', '"')}:
        text = text[1:-1]
    return to_plain_text(text[:MAX_ENTRY_LENGTH])


def _find_arxiv_id(text: str) -> str | None:
    """Find an arXiv id: alone, in an address, in arXiv's own DOI, or after `arXiv:`."""
    arxiv_doi = ARXIV_DOI.search(text)
    return arxiv_id.parse_id_or_url(arxiv_doi["id"] if arxiv_doi else text) or next(
        filter(None, map(arxiv_id.parse_id_or_url, re.findall(r"arxiv:\s?\S{1,40}", text[:1000], re.I))), None
    )
