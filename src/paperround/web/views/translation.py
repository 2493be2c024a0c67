"""A paper's texts in the language that a reader chose, for the paper's own page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from paperround.summaries.held_formulas import put_formulas_back
from paperround.summaries.translations import Translation
from paperround.text.markup import write_html_paragraphs
from paperround.text.reading import Reading


@dataclass(frozen=True)
class TranslatedTexts:
    """`paragraphs` are the abstract's, safe HTML with its formulas. Either may be missing."""

    language: str
    model: str
    summary: str | None
    paragraphs: Sequence[Markup]


def write_translation(translation: Translation | None, abstract: Reading) -> TranslatedTexts | None:
    """Write the texts with the formulas of the original abstract."""
    if translation is None:
        return None
    text = translation.abstract
    paragraphs = [*write_html_paragraphs(put_formulas_back(text, abstract))] if text else []
    return TranslatedTexts(translation.language, translation.model, translation.summary, paragraphs)
