"""Topics whose matches are explained by a text server."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from paperround.database import Database
from paperround.settings import Settings
from paperround.summaries import writer
from paperround.summaries.client import TextServerClient
from paperround.summaries.explanations import WantedExplanations
from paperround.summaries.tables import MatchExplanation
from paperround.topics import reader_topics
from paperround.topics.drafts import TopicDraft
from paperround.topics.edition_matches import match_latest

from support.factories import utc

NOON = "2026-03-10 12:00"


async def follow(database: Database, reader_id: int, words: str, *, explain: bool = True, **more: Any) -> int:
    """A reader's topic, matched. Returns its id."""
    draft = TopicDraft(words=words, explain=explain, **more)
    async with database.write_session() as session:
        topic = await reader_topics.create_topic(session, reader_id, draft, now=utc(NOON))
    await match_latest(database, None)
    return topic.id


async def explain(database: Database, settings: Settings, *, now: str = NOON) -> int:
    """Have explained what lacks it. Returns for how many matches the server was asked."""
    wanted, limit = WantedExplanations.from_settings(settings), settings.summary_daily_limit
    async with TextServerClient(settings, database) as server:
        return await writer.write_texts(database, server, wanted, daily_limit=limit, clock=lambda: utc(now))


async def load_explanations(database: Database) -> list[MatchExplanation]:
    """All of them, by topic and paper."""
    async with database.read_session() as session:
        query = select(MatchExplanation).order_by(MatchExplanation.topic_id, MatchExplanation.paper_id)
        return list(await session.scalars(query))
