"""The summaries and abstracts of papers in a reader's language, as far as they are of the present text."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import Text, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY

from paperround.papers.tables import TEXT_HASH, Paper
from paperround.reads import Asked, Read, RoundTrip
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


TEXTS: Final = Read(
    select(PaperText.paper_id, PaperText.kind, PaperText.content, PaperText.model)
    .join(Paper, (Paper.id == PaperText.paper_id) & (PaperText.source_hash == TEXT_HASH))
    .where(
        PaperText.paper_id == any_(bindparam("ids", type_=ARRAY(Text))),
        PaperText.language == bindparam("language", type_=Text),
        PaperText.content.is_not(None),
    ),
    lambda *columns: columns,
)


def ask_translations(
    trip: RoundTrip, language: str | None, paper_ids: Collection[str]
) -> Asked[Mapping[str, Translation]]:
    """Ask for the texts in the language, by the papers' ids. There are none where the reader chose none."""
    if language is None or not paper_ids:
        return trip.know({})

    def collect(rows: Iterable[tuple[str, str, str, str]]) -> Mapping[str, Translation]:
        found: dict[str, Translation] = {}
        for paper_id, kind, content, model in rows:
            translation = found.get(paper_id) or Translation(language, model)
            is_summary = kind == TextKind.summary
            found[paper_id] = replace(
                translation,
                summary=content if is_summary else translation.summary,
                abstract=translation.abstract if is_summary else content,
            )
        return found

    return trip.ask(TEXTS, {"ids": list(paper_ids), "language": language}, collect)
