"""Which papers get a summary next: those of the newest editions, then readers' matches, then the rest."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, func, or_, select, true

from paperround.accounts.tables import Reader
from paperround.database import ReadSession
from paperround.papers.tables import ABSTRACT_TEXT, IS_INVENTED, IS_READ, TEXT_HASH, TITLE_TEXT, Paper
from paperround.settings import Settings
from paperround.summaries.prompt import PROMPT_VERSION
from paperround.summaries.tables import PaperText
from paperround.topics.tables import TopicDay

NEW_DAYS: Final = timedelta(days=2)  # before the newest day with papers
MAX_TOPIC_DAYS: Final = 2_000  # of which the matches are looked at, the newest first


class TextKind(enum.StrEnum):
    """What is written about a paper."""

    summary = "summary"
    translation = "translation"  # of the abstract


@dataclass(frozen=True)
class Wanted:
    """What every paper should have: a text of this kind and language, by this model.

    Days are bounds, if given; `is_urgent` leaves only the newest editions and what topics matched. A summary
    in the site's language is wanted where no feed told one; in another language it is wanted of every paper.
    """

    model: str
    language: str
    kind: TextKind = TextKind.summary
    is_for_all: bool = True
    is_urgent: bool = False
    first_day: date | None = None
    last_day: date | None = None

    @classmethod
    def from_settings(cls, settings: Settings) -> Wanted:
        return cls(settings.summary_model, settings.summary_languages[0])

    def is_lacking(self) -> ColumnElement[bool]:
        """Say in SQL that a paper lacks it: no feed told it, and none was made of the present text."""
        made = select(PaperText.paper_id).where(
            PaperText.paper_id == Paper.id,
            PaperText.kind == self.kind,
            PaperText.language == self.language,
            PaperText.source_hash == TEXT_HASH,
            PaperText.model == self.model,
            PaperText.prompt_version == PROMPT_VERSION,
        )
        lacking = ~made.exists() & ~IS_INVENTED
        if self.is_for_all:
            lacking &= or_(Paper.ai_summary.is_(None), func.btrim(Paper.ai_summary) == "")
        if self.first_day:
            lacking &= Paper.listed_on >= self.first_day
        if self.last_day:
            lacking &= Paper.listed_on <= self.last_day
        return lacking


async def list_wanted(session: ReadSession, settings: Settings) -> Sequence[Wanted]:
    """List what is wanted: the site's summaries, then both kinds in the languages that readers chose."""
    site, *others = settings.summary_languages
    chosen = set(await session.scalars(select(Reader.language).where(Reader.language.in_(others)).distinct()))
    return [
        Wanted(settings.summary_model, site),
        *(
            Wanted(settings.summary_model, language, kind, is_for_all=False)
            for language in others
            if language in chosen
            for kind in TextKind
        ),
    ]


async def find_next(session: ReadSession, wanted: Wanted, *, limit: int) -> Sequence[str]:
    """Find the ids of up to `limit` papers of the first kind that lacks summaries. Empty: none does."""
    newest = select(func.max(Paper.listed_on)).scalar_subquery()
    conditions = [Paper.listed_on >= newest - NEW_DAYS, Paper.id.in_(_select_matched())]
    for condition in conditions if wanted.is_urgent else [*conditions, true()]:
        query = select(Paper.id).where(wanted.is_lacking(), condition)
        query = query.order_by(Paper.listed_on.desc(), Paper.id).limit(limit)
        if found := (await session.scalars(query)).all():
            return found
    return []


def _select_matched() -> Select[str]:
    """Select the ids of papers that matched readers' topics lately."""
    latest = select(TopicDay.matches).order_by(TopicDay.day.desc()).limit(MAX_TOPIC_DAYS).subquery()
    return select(func.jsonb_array_elements(latest.c.matches).op("->>")(0))


def select_sources(wanted: Wanted, paper_id: str) -> Select[str, str, str, bool, Any]:
    """Select what is read of a paper that lacks the text.

    It is the title, the abstract, the hash of both, whether they are as they were read, and the formulas.
    """
    return select(
        TITLE_TEXT.label("title"),
        ABSTRACT_TEXT.label("abstract"),
        TEXT_HASH.label("source_hash"),
        IS_READ.label("is_read"),
        Paper.formulas,
    ).where(Paper.id == paper_id, wanted.is_lacking())


async def count_lacking(session: ReadSession, wanted: Wanted) -> int:
    """Count the papers that lack a summary."""
    return (await session.scalar(select(func.count()).select_from(Paper).where(wanted.is_lacking()))) or 0
