"""A library as reference managers export it, BibTeX or RIS → what its entries name. Pure; never fails.

What comes in may be anything. It is parsed in pieces of a bounded size, for a bounded time.
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

from paperround.papers import arxiv_id, doi
from paperround.text.markup import plain, unicode_math

MOST_BYTES: Final = 2_000_000
MOST_ENTRIES: Final = 2000
LONGEST_ENTRY: Final = 60_000  # characters
PATIENCE: Final = 3.0  # seconds; a large library takes one
LONGEST_TITLE: Final = 500

ARXIV_DOI: Final = re.compile(r"10\.48550/arxiv\.(?P<id>\S+)", re.I)
BIBTEX_STARTS: Final = re.compile(r"^[ \t]*@(?=\s*\w)", re.M)
RIS_STARTS: Final = re.compile(r"^TY  - ", re.M)

logging.getLogger("bibtexparser").setLevel(logging.CRITICAL)  # it tells of every entry that it can't read


class Reference(NamedTuple):
    """What an entry names; '' is unknown. A DOI as papers/doi.py writes it."""

    arxiv_id: str
    doi: str
    title: str

    @property
    def label(self) -> str:
        """What the reader would know it by."""
        return self.title or self.doi or self.arxiv_id


class NotALibrary(ValueError):
    """Neither BibTeX nor RIS, or too large. The text says so, to the reader."""


def read(content: bytes, *, clock: Callable[[], float] = time.monotonic) -> list[Reference]:
    """The entries that name something, each once, in the file's order. Raises `NotALibrary`."""
    if len(content) > MOST_BYTES:
        raise NotALibrary(f"The file is too large: at most {MOST_BYTES // 1_000_000} MB can be read.")
    text = content.decode("utf-8-sig", "replace").replace("\0", "").replace("\r\n", "\n")
    if RIS_STARTS.search(text):
        records = _within(_pieces(text, RIS_STARTS), _ris, clock)
    else:
        records = _within(_pieces(text, BIBTEX_STARTS), _bibtex, clock)
    found = dict.fromkeys(reference for record in records if any(reference := _reference(record)))
    if not found:
        raise NotALibrary("No entry of a BibTeX or RIS file was found in it.")
    return list(found)


def _pieces(text: str, starts: re.Pattern[str]) -> Iterator[str]:
    """One entry each; those too long to be one are passed over."""
    places = [match.start() for match in starts.finditer(text)][: MOST_ENTRIES + 1]
    for start, end in zip(places, [*places[1:], len(text)], strict=False):
        if end - start <= LONGEST_ENTRY:
            yield text[start:end]


def _within(
    pieces: Iterable[str],
    parse: Callable[[str], Iterable[Mapping[str, Any]]],
    clock: Callable[[], float],
) -> Iterator[Mapping[str, Any]]:
    """What was parsed until patience ended."""
    end = clock() + PATIENCE
    for piece in pieces:
        if clock() > end:
            return
        yield from parse(piece)


def _bibtex(piece: str) -> Iterable[Mapping[str, Any]]:
    try:
        library = parse_string(piece, parse_stack=[])
    except (ValueError, IndexError, AttributeError, RecursionError, ParsingException):
        return []
    return [{field.key.lower(): field.value for field in entry.fields} for entry in library.entries]


def _ris(piece: str) -> Iterable[Mapping[str, Any]]:
    try:
        records: Sequence[Mapping[str, Any]] = rispy.loads(piece)
    except (ValueError, IndexError, KeyError, AttributeError, TypeError, OSError):  # as broken lines have it
        return []
    return records


def _reference(record: Mapping[str, Any]) -> Reference:
    texts = {key: _text(value) for key, value in record.items()}
    everywhere = [*(texts.get(name, "") for name in ("eprint", "arxivid", "arxiv", "doi", "url", "note")),
                  *texts.values()]  # fmt: skip
    title = next((texts[name] for name in ("title", "primary_title") if texts.get(name)), "")
    dois = (doi.named(texts.get(name, "")) for name in ("doi", "url", "urls"))
    return Reference(
        next(filter(None, map(_arxiv_id, everywhere)), ""),
        next(filter(None, dois), ""),
        plain(unicode_math(title.replace("{", "").replace("}", "")))[:LONGEST_TITLE],
    )


def _text(value: object) -> str:
    """Without the braces or quotes around it."""
    first = value[0] if isinstance(value, list) and value else value
    text = first.strip() if isinstance(first, str) else ""
    if len(text) > 1 and (text[0], text[-1]) in {("{", "}"), ('"', '"')}:
        text = text[1:-1]
    return plain(text[:LONGEST_ENTRY])


def _arxiv_id(text: str) -> str | None:
    """Named by an id, an address, arXiv's own DOI, or `arXiv:…` as in `arXiv preprint arXiv:2510.12345`."""
    by_doi = ARXIV_DOI.search(text)
    return arxiv_id.named(by_doi["id"] if by_doi else text) or next(
        filter(None, map(arxiv_id.named, re.findall(r"arxiv:\s?\S{1,40}", text[:1000], re.I))), None
    )
