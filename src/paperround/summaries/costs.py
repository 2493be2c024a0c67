"""What summaries would cost, before they are made."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select

from paperround.database import ReadSession
from paperround.papers.tables import ABSTRACT_TEXT, TITLE_TEXT, Paper
from paperround.summaries.explanations import WantedExplanations, select_lacking
from paperround.summaries.prompt import (
    CHARACTERS_PER_TOKEN,
    MAX_ABSTRACT,
    build_explanation_prompt,
    build_prompt,
)
from paperround.summaries.selection import Wanted


@dataclass(frozen=True)
class Estimate:
    """How many papers or matches lack a text, and about how many tokens a model takes for them."""

    texts: int
    tokens: int


async def estimate(session: ReadSession, wanted: Wanted) -> Estimate:
    """Estimate what the papers that lack a summary take if each answer is taken at once."""
    length = func.length(TITLE_TEXT) + func.least(func.length(ABSTRACT_TEXT), MAX_ABSTRACT)
    query = select(func.count(), func.coalesce(func.sum(length), 0)).select_from(Paper)
    papers, characters = (await session.execute(query.where(wanted.is_lacking()))).one()
    around = build_prompt("", "", wanted.language).estimate_tokens()
    return Estimate(papers, papers * around + characters // CHARACTERS_PER_TOKEN)


async def estimate_explanations(session: ReadSession, wanted: WantedExplanations) -> Estimate:
    """Estimate what the matches that lack an explanation take, as `estimate` does."""
    lacking = select_lacking(wanted)
    length = func.least(lacking.c.characters, MAX_ABSTRACT)
    query = select(func.count(), func.coalesce(func.sum(length), 0)).select_from(lacking)
    matches, characters = (await session.execute(query)).one()
    around = build_explanation_prompt("", "", "", wanted.site_language).estimate_tokens()
    return Estimate(matches, matches * around + characters // CHARACTERS_PER_TOKEN)
