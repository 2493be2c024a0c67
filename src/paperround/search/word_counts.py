"""Counting how common words are, so that search can tell the rare words of a query."""

from __future__ import annotations

from typing import Final

import structlog
from sqlalchemy import func, select, text

from paperround.database import Database, ReadSession, WriteSession
from paperround.papers.search_column import index_missing
from paperround.papers.tables import Paper
from paperround.search.tables import Lexeme

logger = structlog.get_logger(__name__)

COUNTER: Final = 0x6C657865  # the advisory lock of whoever counts: "lexe"
GROWN: Final = 0.02  # the share of papers more or less that makes counting worth it
COUNT: Final = text("""
    INSERT INTO lexemes (lexeme, documents)
    SELECT word, ndoc FROM ts_stat('SELECT search FROM papers') WHERE ndoc >= 2 AND length(word) <= 100
    UNION ALL
    SELECT '', count(*) FROM papers
""")


async def refresh(database: Database) -> bool:
    """Index what an older program stored, and count again when the catalogue has grown; whether it was."""
    while True:
        async with database.writing() as session:
            if not await index_missing(session):
                break
    async with database.writing() as session:
        return await _count_if_grown(session)


async def _count_if_grown(session: WriteSession) -> bool:
    taken = await session.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": COUNTER})
    papers = (await session.execute(select(func.count()).select_from(Paper))).scalar_one()
    counted = await papers_counted(session)
    if not taken or abs(papers - counted) <= GROWN * counted:
        return False
    await session.execute(text("DELETE FROM lexemes"))
    await session.execute(COUNT)
    logger.info("counted words", papers=papers)
    return True


async def papers_counted(session: ReadSession) -> int:
    """How many papers there were at the last counting; 0 before the first."""
    return await session.scalar(select(Lexeme.documents).where(Lexeme.lexeme == "")) or 0
