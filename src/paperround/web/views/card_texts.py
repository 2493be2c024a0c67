"""The titles and abstracts of papers as HTML, kept for as long as they are shown often.

What a text looks like depends on the text and on the reader of LaTeX alone, so a text that a process has
shown needs not be written again for the next page, reader or version of the catalogue.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cachetools import LRUCache
from markupsafe import Markup

from paperround.papers.readings import read_abstract, read_title
from paperround.papers.tables import Paper
from paperround.text.markup import write_html, write_html_paragraphs
from paperround.text.reading import FormulaBudget

MAX_KEPT: Final = 8_000_000  # characters


@dataclass(frozen=True, slots=True)
class CardTexts:
    """A paper's title and the paragraphs of its abstract."""

    title: Markup
    paragraphs: tuple[Markup, ...]

    def __len__(self) -> int:
        return 500 + len(self.title) + sum(map(len, self.paragraphs))


_kept: LRUCache[tuple[str, int], CardTexts] = LRUCache(MAX_KEPT, getsizeof=len)


def write_card_texts(paper: Paper, budget: FormulaBudget | None) -> CardTexts:
    """Write the texts. Of a paper that isn't read yet, formulas are read as far as `budget` goes."""
    key = (paper.read_hash, paper.reader_version) if paper.read_hash and paper.is_read else None
    texts = _kept.get(key) if key else None
    if texts is None:
        paragraphs = write_html_paragraphs(read_abstract(paper, budget))
        texts = CardTexts(write_html(read_title(paper, budget)), tuple(paragraphs))
        if key and len(texts) <= MAX_KEPT:
            _kept[key] = texts
    return texts
