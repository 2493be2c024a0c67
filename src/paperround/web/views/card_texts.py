"""The titles, summaries and abstracts of papers as HTML, kept for as long as they are shown often.

What a text looks like depends on the text and on the reader of LaTeX alone, so a text that a process has
shown needs not be written again for the next page, reader or version of the catalogue.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from paperround.kept_parts import KeptParts
from paperround.papers.lead import read_lead
from paperround.papers.readings import read_abstract, read_title
from paperround.papers.rows import PaperRow
from paperround.text.markup import write_html, write_html_paragraphs
from paperround.text.reading import FormulaBudget

MAX_KEPT: Final = 8_000_000  # characters


@dataclass(frozen=True, slots=True)
class CardTexts:
    """A paper's title, what is said of it first, and the paragraphs of its abstract.

    `lead` is empty where the abstract begins with it.
    """

    title: Markup
    lead: Markup
    is_lead_by_model: bool
    paragraphs: tuple[Markup, ...]

    def __len__(self) -> int:
        return 500 + len(self.title) + len(self.lead) + sum(map(len, self.paragraphs))


_kept: Final[KeptParts[CardTexts]] = KeptParts(MAX_KEPT)


def write_card_texts(paper: PaperRow, budget: FormulaBudget | None) -> CardTexts:
    """Write the texts. Of a paper that isn't read yet, formulas are read as far as `budget` goes."""
    key = (paper.read_hash, paper.reader_version, paper.summary) if paper.is_read else None
    return _kept.find_or_make(key, lambda: _write_texts(paper, budget))


def _write_texts(paper: PaperRow, budget: FormulaBudget | None) -> CardTexts:
    title, abstract = write_html(read_title(paper, budget)), read_abstract(paper, budget)
    lead = read_lead(paper, abstract, budget)
    return CardTexts(
        title,
        write_html(lead.reading) if lead and not lead.opens_abstract else Markup(),
        bool(lead and lead.is_by_model),
        tuple(write_html_paragraphs(abstract)),
    )
