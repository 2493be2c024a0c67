"""The summaries and abstracts of papers in a reader's language, as far as they are of the present text."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from sqlalchemy import select

from paperround.database import ReadSession
from paperround.papers.tables import TEXT_HASH, Paper
from paperround.summaries.selection import TextKind
from paperround.summaries.tables import PaperText


@dataclass(frozen=True)
class Translation:
    """A paper's texts in another language, and the model that wrote them.

    The abstract has marks in the places of its formulas, as `held_formulas.put_formulas_back` reads them.
    """

    language: str
    model: str
    summary: str | None = None
    abstract: str | None = None


async def load_translations(
    session: ReadSession, language: str | None, paper_ids: Collection[str]
) -> Mapping[str, Translation]:
    """Load the texts in the language by the papers' ids. Empty where the reader chose none."""
    if language is None or not paper_ids:
        return {}
    query = (
        select(PaperText.paper_id, PaperText.kind, PaperText.content, PaperText.model)
        .join(Paper, (Paper.id == PaperText.paper_id) & (PaperText.source_hash == TEXT_HASH))
        .where(
            PaperText.paper_id.in_(paper_ids),
            PaperText.language == language,
            PaperText.content.is_not(None),
        )
    )
    found: dict[str, Translation] = {}
    for paper_id, kind, content, model in await session.execute(query):
        translation = found.get(paper_id) or Translation(language, model)
        is_summary = kind == TextKind.summary
        found[paper_id] = replace(
            translation,
            summary=content if is_summary else translation.summary,
            abstract=translation.abstract if is_summary else content,
        )
    return found
