"""How summaries are going and what they cost, for the operator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from paperround.database import ReadSession
from paperround.papers.tables import TEXT_HASH, Paper
from paperround.settings import Settings
from paperround.summaries import budget
from paperround.summaries.prompt import PROMPT_VERSION
from paperround.summaries.selection import Wanted, count_lacking
from paperround.summaries.tables import PaperText


@dataclass(frozen=True)
class SummaryState:
    """Counts of papers, and today's costs. `refused` counts the papers without a summary by reason."""

    model: str
    made: int
    waiting: int
    refused: Mapping[str, int]
    papers_today: int
    daily_limit: int
    tokens_read_today: int
    tokens_written_today: int

    @property
    def is_used_up(self) -> bool:
        """Whether papers wait for tomorrow, since today's limit is reached."""
        return bool(self.waiting) and self.papers_today >= self.daily_limit

    @property
    def refused_count(self) -> int:
        return sum(self.refused.values())


async def load_summary_state(
    session: ReadSession, settings: Settings, *, now: datetime
) -> SummaryState | None:
    """Load the state, or None while no server is set."""
    if settings.summary_url is None:
        return None
    wanted = Wanted.from_settings(settings)
    present = (
        select(PaperText.refusal, func.count())
        .join(Paper, (Paper.id == PaperText.paper_id) & (PaperText.source_hash == TEXT_HASH))
        .where(
            PaperText.kind == wanted.kind,
            PaperText.language == wanted.language,
            PaperText.model == wanted.model,
            PaperText.prompt_version == PROMPT_VERSION,
        )
        .group_by(PaperText.refusal)
    )
    counts: dict[str | None, int] = dict(list(await session.execute(present)))
    today = await budget.load_day(session, now=now)
    return SummaryState(
        model=wanted.model,
        made=counts.pop(None, 0),
        waiting=await count_lacking(session, wanted),
        refused={str(reason): number for reason, number in sorted(counts.items())},
        papers_today=today.papers,
        daily_limit=settings.summary_daily_limit,
        tokens_read_today=today.tokens_read,
        tokens_written_today=today.tokens_written,
    )
