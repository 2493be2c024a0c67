"""How summaries are going and what they cost, for the operator."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from paperround.database import ReadSession
from paperround.papers.tables import TEXT_HASH, Paper
from paperround.settings import Settings
from paperround.summaries import budget, explanations
from paperround.summaries.explanations import WantedExplanations
from paperround.summaries.prompt import PROMPT_VERSION
from paperround.summaries.selection import Wanted, count_lacking, list_wanted
from paperround.summaries.tables import PaperText


@dataclass(frozen=True)
class SummaryState:
    """Counts of summaries, translations and explanations, and today's costs.

    `refused` has those not shown, by reason. `waiting_explanations` are among those that wait.
    """

    model: str
    made: int
    waiting: int
    waiting_explanations: int
    refused: Mapping[str, int]
    papers_today: int
    explanations_today: int
    daily_limit: int
    tokens_read_today: int
    tokens_written_today: int

    @property
    def is_used_up(self) -> bool:
        """Whether texts wait for tomorrow, since today's limit, or that of explanations, is reached."""
        has_no_share = self.explanations_today >= budget.limit_explanations(self.daily_limit)
        return (bool(self.waiting) and self.papers_today >= self.daily_limit) or (
            bool(self.waiting_explanations) and has_no_share
        )

    @property
    def refused_count(self) -> int:
        return sum(self.refused.values())


async def load_summary_state(
    session: ReadSession, settings: Settings, *, now: datetime
) -> SummaryState | None:
    """Load the state, or None while no server is set."""
    if settings.summary_url is None:
        return None
    waiting, by_refusal = 0, Counter[str | None]()
    for wanted in await list_wanted(session, settings):
        by_refusal.update(await _count_texts(session, wanted))
        waiting += await count_lacking(session, wanted)
    of_matches = WantedExplanations.from_settings(settings)
    by_refusal.update(await explanations.count_explanations(session, of_matches))
    waiting_explanations = await explanations.count_lacking(session, of_matches)
    made = by_refusal.pop(None, 0)
    today = await budget.load_day(session, now=now)
    return SummaryState(
        model=settings.summary_model,
        made=made,
        waiting=waiting + waiting_explanations,
        waiting_explanations=waiting_explanations,
        refused={reason: by_refusal[reason] for reason in sorted(filter(None, by_refusal))},
        papers_today=today.papers,
        explanations_today=today.explanations,
        daily_limit=settings.summary_daily_limit,
        tokens_read_today=today.tokens_read,
        tokens_written_today=today.tokens_written,
    )


async def _count_texts(session: ReadSession, wanted: Wanted) -> dict[str | None, int]:
    """Count the texts of what papers say now by why they were refused. None: they were not."""
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
    return dict(list(await session.execute(present)))
