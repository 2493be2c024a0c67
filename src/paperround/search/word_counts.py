"""Counts in how many papers each lexeme occurs, from which search computes the inverse document frequency."""

from __future__ import annotations

from typing import Final

import structlog
from sqlalchemy import func, select, text

from paperround.database import Database, ReadSession, WriteSession
from paperround.papers.search_column import fill_missing
from paperround.papers.tables import Paper
from paperround.search.tables import Lexeme

logger = structlog.get_logger(__name__)

COUNT_LOCK: Final = 0x6C657865  # an advisory lock: "lexe"
MIN_GROWTH: Final = 0.02  # the change in the number of papers after which they are counted again
COUNT_LEXEMES: Final = text("""
    INSERT INTO lexemes (lexeme, documents)
    SELECT word, ndoc FROM ts_stat('SELECT search FROM papers') WHERE ndoc >= 2 AND length(word) <= 100
        AND NOT starts_with(word, '@')
    UNION ALL
    SELECT '', count(*) FROM papers
""")


async def refresh_word_counts(database: Database) -> bool:
    """Index papers that an older version stored, and count again if the catalogue has grown.

    Returns whether words were counted.
    """
    while True:
        async with database.write_session() as session:
            if not await fill_missing(session):
                break
    async with database.write_session() as session:
        return await _count_if_grown(session)


async def _count_if_grown(session: WriteSession) -> bool:
    has_lock = await session.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": COUNT_LOCK})
    papers = (await session.execute(select(func.count()).select_from(Paper))).scalar_one()
    counted = await count_papers_at_last_refresh(session)
    if not has_lock or abs(papers - counted) <= MIN_GROWTH * counted:
        return False
    await session.execute(text("DELETE FROM lexemes"))
    await session.execute(COUNT_LEXEMES)
    logger.info("counted words", papers=papers)
    return True


async def count_papers_at_last_refresh(session: ReadSession) -> int:
    """Return the number of papers at the last count, 0 before the first."""
    return await session.scalar(select(Lexeme.documents).where(Lexeme.lexeme == "")) or 0
