"""Which papers get a summary next: those of the newest editions, then readers' matches, then the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from sqlalchemy import ColumnElement, Select, func, or_, select, true

from paperround.database import ReadSession
from paperround.papers.tables import ABSTRACT_TEXT, TEXT_HASH, TITLE_TEXT, Paper
from paperround.settings import Settings
from paperround.summaries.prompt import PROMPT_VERSION
from paperround.summaries.tables import PaperText
from paperround.topics.tables import TopicDay

SUMMARY: Final = "summary"
NEW_DAYS: Final = timedelta(days=2)  # before the newest day with papers
MAX_TOPIC_DAYS: Final = 2_000  # of which the matches are looked at, the newest first


@dataclass(frozen=True)
class Wanted:
    """What every paper should have: a summary in this language, by this model. Days are bounds, if given."""

    model: str
    language: str
    first_day: date | None = None
    last_day: date | None = None

    @classmethod
    def from_settings(cls, settings: Settings) -> Wanted:
        return cls(settings.summary_model, settings.summary_languages[0])

    def is_lacking(self) -> ColumnElement[bool]:
        """Say in SQL that a paper lacks it: no feed told one, and none was made of the present text."""
        made = select(PaperText.paper_id).where(
            PaperText.paper_id == Paper.id,
            PaperText.kind == SUMMARY,
            PaperText.language == self.language,
            PaperText.source_hash == TEXT_HASH,
            PaperText.model == self.model,
            PaperText.prompt_version == PROMPT_VERSION,
        )
        lacking = ~made.exists() & is_without_feed_summary()
        if self.first_day:
            lacking &= Paper.listed_on >= self.first_day
        if self.last_day:
            lacking &= Paper.listed_on <= self.last_day
        return lacking


def is_without_feed_summary() -> ColumnElement[bool]:
    """Say in SQL that no feed told a summary, of a paper that is none of the invented ones."""
    return or_(Paper.ai_summary.is_(None), func.btrim(Paper.ai_summary) == "") & ~Paper.id.startswith("0000.")


async def find_next(session: ReadSession, wanted: Wanted, *, limit: int) -> Sequence[str]:
    """Find the ids of up to `limit` papers of the first kind that lacks summaries. Empty: none does."""
    newest = select(func.max(Paper.listed_on)).scalar_subquery()
    for condition in (Paper.listed_on >= newest - NEW_DAYS, Paper.id.in_(_select_matched()), true()):
        query = select(Paper.id).where(wanted.is_lacking(), condition)
        query = query.order_by(Paper.listed_on.desc(), Paper.id).limit(limit)
        if found := (await session.scalars(query)).all():
            return found
    return []


def _select_matched() -> Select[str]:
    """Select the ids of papers that matched readers' topics lately."""
    latest = select(TopicDay.matches).order_by(TopicDay.day.desc()).limit(MAX_TOPIC_DAYS).subquery()
    return select(func.jsonb_array_elements(latest.c.matches).op("->>")(0))


def select_texts(wanted: Wanted, paper_id: str) -> Select[str, str, str]:
    """Select the title, the abstract and the hash of both, of a paper that lacks the summary."""
    return select(
        TITLE_TEXT.label("title"), ABSTRACT_TEXT.label("abstract"), TEXT_HASH.label("source_hash")
    ).where(Paper.id == paper_id, wanted.is_lacking())


async def count_lacking(session: ReadSession, wanted: Wanted) -> int:
    """Count the papers that lack a summary."""
    return (await session.scalar(select(func.count()).select_from(Paper).where(wanted.is_lacking()))) or 0
