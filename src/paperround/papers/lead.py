"""What stands first of a paper in a list: what was done, in a sentence or two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from paperround.i18n.messages import mark_message
from paperround.papers.readings import read_abstract
from paperround.papers.rows import PaperRow
from paperround.text.key_sentence import find_key_sentence
from paperround.text.reading import FormulaBudget, Reading, read_latex

AI_SUMMARY_LABEL: Final = mark_message("AI summary")  # who wrote it, where it wasn't the authors


@dataclass(frozen=True)
class Lead:
    """A model's summary, or the abstract's sentence that says what was done.

    `opens_abstract` tells that the abstract begins with it, so that the abstract alone says both.
    """

    reading: Reading
    is_by_model: bool = False
    opens_abstract: bool = False


def read_lead(
    paper: PaperRow, abstract: Reading | None = None, page: FormulaBudget | None = None
) -> Lead | None:
    """Return what to say of a paper first. None: no sentence of the abstract says what was done.

    `abstract` is the abstract where it has been read already. `page` bounds the formulas of a page.
    """
    if paper.summary:
        return Lead(read_latex(paper.summary, page), is_by_model=True)
    abstract = abstract or read_abstract(paper, page)
    sentence = find_key_sentence(abstract)
    return Lead(sentence, opens_abstract=abstract.text.startswith(sentence.text)) if sentence else None
