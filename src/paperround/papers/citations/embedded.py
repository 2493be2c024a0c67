"""Describes papers within pages, as reference managers' browser buttons read them.

A paper's own page has Highwire Press tags (`citation_…`), in the forms of arXiv's own pages. A list has a
COinS for each paper: an OpenURL context object (Z39.88-2004) with Dublin Core's terms, as a query string.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from functools import lru_cache
from typing import Final
from urllib.parse import quote, urlencode

from paperround.papers.citations.work import (
    arxiv_url,
    cited_url,
    list_authors,
    published_on,
    write_sorted_name,
)
from paperround.papers.readings import read_abstract, read_title
from paperround.papers.rows import PaperRow
from paperround.text.person_name import split_name
from paperround.text.plain import to_plain_paragraphs, to_plain_text

MAX_TAGGED_AUTHORS: Final = 1_000
MAX_REMEMBERED: Final = 2_000  # papers of lists
# Of a COinS, in bytes as they are encoded: a list has fifty of them.
MAX_COINS_TITLE: Final = 300
MAX_COINS_AUTHORS: Final = 200
MAX_ABSTRACT_LENGTH: Final = 5_000  # characters, of a tag
UNESCAPED: Final = ":/,"


def list_citation_tags(paper: PaperRow, *, site: str) -> list[tuple[str, str]]:
    """List names and contents of a page's tags. `site` is the address of this site."""
    day = f"{published_on(paper):%Y/%m/%d}"
    names = [write_sorted_name(name) for name in list_authors(paper)[:MAX_TAGGED_AUTHORS]]
    tags = [
        ("citation_title", to_plain_text(read_title(paper).text)),
        *(("citation_author", name) for name in names),
        ("citation_publication_date", day),
        ("citation_online_date", day),
        ("citation_abstract_html_url", cited_url(paper, site=site)),
        ("citation_doi", paper.doi or ""),
        ("citation_abstract", to_plain_paragraphs(read_abstract(paper).text)[:MAX_ABSTRACT_LENGTH]),
    ]
    if not paper.invented:
        tags += [
            ("citation_publisher", "arXiv"),
            ("citation_arxiv_id", paper.id),
            ("citation_pdf_url", f"https://arxiv.org/pdf/{paper.id}"),
        ]
    return [(name, content) for name, content in tags if content]


def build_coins(paper: PaperRow) -> str:
    """Build the `title` of a COinS. Of many authors it has the first ones, and of a long title its beginning.

    Whoever wants all of them saves from the paper's own page.
    """
    title = paper.title_text if paper.is_read else read_title(paper).text
    return _write_coins(
        title, tuple(paper.author_names), published_on(paper).date(), _address_on_arxiv(paper), paper.doi
    )


def _address_on_arxiv(paper: PaperRow) -> str:
    """Return the address on arXiv, or '' for an invented paper."""
    return "" if paper.invented else arxiv_url(paper)


@lru_cache(maxsize=MAX_REMEMBERED)
def _write_coins(title: str, names: Sequence[str], day: date, address: str, doi: str | None) -> str:
    """Write what a list says again at each of its pages and after each vote."""
    fields = [
        ("ctx_ver", "Z39.88-2004"),
        ("rft_val_fmt", "info:ofi/fmt:kev:mtx:dc"),
        ("rft.type", "preprint"),
        ("rft.title", next(_cut([to_plain_text(title)], MAX_COINS_TITLE), "")),
        *(("rft.creator", name) for name in _cut(_list_names(names), MAX_COINS_AUTHORS)),
        ("rft.date", f"{day:%Y-%m-%d}"),
        ("rft.identifier", address),
        ("rft_id", f"info:doi/{doi}" if doi else ""),
    ]
    return urlencode([(name, value) for name, value in fields if value], safe=UNESCAPED, quote_via=quote)


def _list_names(names: Iterable[str]) -> Iterator[str]:
    for text in names:
        name = split_name(to_plain_text(text))
        if name:
            yield write_sorted_name(name)


def _cut(texts: Iterable[str], most: int) -> Iterator[str]:
    """Yield texts until they are `most` bytes long together. The first one is cut if it is longer alone."""
    left = most
    for number, text in enumerate(texts):
        length = len(quote(text, safe=UNESCAPED))
        if length > left:
            if not number:
                yield _shorten(text, most)
            return
        left -= length
        yield text


def _shorten(text: str, most: int) -> str:
    length = 0
    for end, sign in enumerate(text):
        length += len(quote(sign, safe=UNESCAPED))
        if length > most:
            return text[:end].rstrip()
    return text
