"""Summaries and translations of papers, one by one: what is read for them, and where they are kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert

from paperround.database import WriteSession
from paperround.papers.tables import Paper
from paperround.summaries.checks import find_refusal, find_translation_refusal
from paperround.summaries.held_formulas import hold_formulas
from paperround.summaries.prompt import PROMPT_VERSION, build_prompt, build_translation_prompt
from paperround.summaries.selection import TextKind, Wanted, select_sources
from paperround.summaries.tables import PaperText
from paperround.summaries.tasks import Inquiry, Outcome
from paperround.text.reading import PlacedFormula, Reading


@dataclass(frozen=True)
class PaperTextTask:
    """The text that is wanted of one paper."""

    wanted: Wanted
    paper_id: str

    @property
    def kind(self) -> str:
        return self.wanted.kind.value

    async def prepare(self, session: WriteSession) -> Inquiry | None:
        """Load what is read of the paper. None: it has the text already."""
        row = (await session.execute(select_sources(self.wanted, self.paper_id))).one_or_none()
        if row is None:
            return None
        formulas = (row.formulas or {}).get("abstract", ()) if row.is_read else ()
        abstract = Reading(row.abstract, tuple(PlacedFormula(*formula) for formula in formulas))
        language = self.wanted.language
        read = {
            "source_hash": row.source_hash,
            "model": self.wanted.model,
            "prompt_version": PROMPT_VERSION,
        }
        if self.wanted.kind is TextKind.translation:
            held = hold_formulas(abstract)
            find = partial(find_translation_refusal, held=held, language=language)
            return Inquiry(build_translation_prompt(held, language), find, read)
        find = partial(find_refusal, title=row.title, abstract=abstract.text, language=language)
        return Inquiry(build_prompt(row.title, abstract.text, language), find, read)

    async def store(
        self, session: WriteSession, inquiry: Inquiry, outcome: Outcome, *, now: datetime
    ) -> None:
        """Store what came of it. The site's summary is shown, or none: that of an older text goes."""
        wanted = self.wanted
        row = outcome.to_row(inquiry, now=now)
        key = {"paper_id": self.paper_id, "kind": wanted.kind, "language": wanted.language}
        new = insert(PaperText).values(**key, **row)
        await session.execute(new.on_conflict_do_update(index_elements=list(key), set_=row))
        if wanted.is_for_all:
            model = wanted.model if outcome.content else None
            await session.execute(
                update(Paper)
                .where(Paper.id == self.paper_id)
                .values(own_summary=outcome.content, own_summary_model=model)
            )
