"""Has summaries written, paper by paper; each is committed at once.

The work is found in the tables, so a worker that dies loses one paper's request. A paper is held by an
advisory lock meanwhile, since a row lock would make ingestion wait for the server.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from paperround import metrics
from paperround.database import Database, WriteSession, utc_now
from paperround.papers.tables import Paper
from paperround.summaries import budget
from paperround.summaries.checks import Refusal, find_refusal, tidy_answer
from paperround.summaries.client import TextRefused, TextServerClient, TextServerError
from paperround.summaries.prompt import PROMPT_VERSION, build_prompt
from paperround.summaries.selection import SUMMARY, Wanted, find_next, select_texts
from paperround.summaries.tables import PaperText

logger = structlog.get_logger(__name__)

CHUNK_SIZE: Final = 32  # papers looked up at once
MAX_CONCURRENT_PAPERS: Final = 2  # requests of one process at once
MAX_ATTEMPTS: Final = 2  # an answer that is refused is asked for once more
LOCK_SPACE: Final = 0x7E87  # of the advisory locks on papers; embedding models have low numbers


@dataclass
class Outcome:
    """What the attempts for one paper gave and cost. `refusal` is that of the last attempt."""

    content: str | None = None
    refusal: Refusal | None = None
    attempts: int = 0
    tokens_read: int = 0
    tokens_written: int = 0


async def write_summaries(
    database: Database,
    server: TextServerClient,
    wanted: Wanted,
    *,
    daily_limit: int,
    on_progress: Callable[[int], None] | None = None,
    clock: Callable[[], datetime] = utc_now,
) -> int:
    """Have every paper summarised that lacks it, until none does or the day's limit is reached.

    Returns for how many papers the server was asked; `on_progress` gets that number. Raises
    `TextServerError` where the server fails; what is written stays.
    """
    done = 0
    while True:
        async with database.read_session() as session:
            ids = await find_next(session, wanted, limit=CHUNK_SIZE)
        before, has_room = done, True
        for start in range(0, len(ids), MAX_CONCURRENT_PAPERS):
            pair = ids[start : start + MAX_CONCURRENT_PAPERS]
            results = await asyncio.gather(
                *(_summarise(database, server, wanted, paper_id, daily_limit, clock) for paper_id in pair),
                return_exceptions=True,
            )
            done += sum(result is True for result in results)
            if on_progress:
                on_progress(done)
            for result in results:
                if isinstance(result, BaseException):
                    raise result
            has_room = None not in results
            if not has_room:
                break
        if (
            done == before or not has_room
        ):  # none lacks it, another process holds them all, or the day is over
            return done


async def _summarise(
    database: Database,
    server: TextServerClient,
    wanted: Wanted,
    paper_id: str,
    daily_limit: int,
    clock: Callable[[], datetime],
) -> bool | None:
    """Summarise a paper. Returns False where another process does or did, None where the day is used up."""
    async with database.write_session() as session:
        lock = func.pg_try_advisory_xact_lock(LOCK_SPACE, func.hashtext(paper_id))
        if not await session.scalar(select(lock)):
            return False
        # In a statement of its own, which sees what the previous holder has written.
        texts = (await session.execute(select_texts(wanted, paper_id))).one_or_none()
        if texts is None:
            return False
        async with database.write_session() as counting:
            if not await budget.take_place(counting, daily_limit, now=clock()):
                return None
        try:
            outcome = await ask_for_summary(server, wanted.language, texts.title, texts.abstract)
        except TextServerError:
            async with database.write_session() as counting:
                await budget.give_place_back(counting, now=clock())
            raise
        await _store(session, wanted, paper_id, texts.source_hash, outcome, clock())
    _count(outcome)
    if outcome.refusal:
        logger.info("a summary was refused", paper=paper_id, reason=outcome.refusal.value)
    return True


async def ask_for_summary(server: TextServerClient, language: str, title: str, abstract: str) -> Outcome:
    """Ask for a summary, once more if the answer can't be shown. Raises `TextServerError`."""
    prompt, outcome = build_prompt(title, abstract, language), Outcome()
    while outcome.content is None and outcome.attempts < MAX_ATTEMPTS:
        outcome.attempts += 1
        try:
            answer = await server.write(prompt)
        except TextRefused as error:
            logger.warning("the text server refused a paper", error=str(error))
            outcome.refusal = Refusal.server
            continue
        outcome.tokens_read += answer.tokens_read
        outcome.tokens_written += answer.tokens_written
        line = tidy_answer(answer.text)
        outcome.refusal = (
            find_refusal(line, title=title, abstract=abstract, language=language)
            if answer.is_whole
            else Refusal.cut_off
        )
        if outcome.refusal is None:
            outcome.content = line
    return outcome


async def _store(
    session: WriteSession, wanted: Wanted, paper_id: str, source_hash: str, outcome: Outcome, now: datetime
) -> None:
    """Store what came of a paper, and show it or nothing: a summary of an older text is taken away."""
    row = {
        "source_hash": source_hash,
        "model": wanted.model,
        "prompt_version": PROMPT_VERSION,
        "content": outcome.content,
        "refusal": outcome.refusal,
        "attempts": outcome.attempts,
        "tokens_read": outcome.tokens_read,
        "tokens_written": outcome.tokens_written,
        "made_at": now,
    }
    new = insert(PaperText).values(paper_id=paper_id, kind=SUMMARY, language=wanted.language, **row)
    await session.execute(
        new.on_conflict_do_update(index_elements=["paper_id", "kind", "language"], set_=row)
    )
    await session.execute(
        update(Paper)
        .where(Paper.id == paper_id)
        .values(own_summary=outcome.content, own_summary_model=wanted.model if outcome.content else None)
    )
    await budget.add_costs(
        session,
        requests=outcome.attempts,
        tokens_read=outcome.tokens_read,
        tokens_written=outcome.tokens_written,
        now=now,
    )


def _count(outcome: Outcome) -> None:
    metrics.SUMMARIES.labels(outcome.refusal.value if outcome.refusal else "made").inc()
    metrics.TEXT_TOKENS.labels("read").inc(outcome.tokens_read)
    metrics.TEXT_TOKENS.labels("written").inc(outcome.tokens_written)
