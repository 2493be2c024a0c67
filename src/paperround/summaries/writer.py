"""Has texts written, paper by paper; each is committed at once.

The work is found in the tables, so a worker that dies loses one paper's request. A paper is held by an
advisory lock meanwhile, since a row lock would make ingestion wait for the server.
"""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

import structlog
from sqlalchemy import func, select

from paperround import metrics
from paperround.database import Database, ReadSession, utc_now
from paperround.summaries import budget, explanations
from paperround.summaries.checks import Refusal, tidy_answer
from paperround.summaries.client import TextRefused, TextServerClient, TextServerError
from paperround.summaries.explanations import WantedExplanations
from paperround.summaries.paper_texts import PaperTextTask
from paperround.summaries.selection import Wanted, find_next
from paperround.summaries.tasks import EXPLANATION_KIND, Inquiry, Outcome, TextTask

logger = structlog.get_logger(__name__)

CHUNK_SIZE: Final = 32  # papers looked up at once
MAX_CONCURRENT_PAPERS: Final = 2  # requests of one process at once
MAX_ATTEMPTS: Final = 2  # an answer that is refused is asked for once more
LOCK_SPACE: Final = 0x7E87  # of the advisory locks on papers; embedding models have low numbers


class Result(enum.Enum):
    """What became of a task: the server was asked, it was done already, others do it, the day is used up."""

    asked = enum.auto()
    done = enum.auto()
    held = enum.auto()
    used_up = enum.auto()


def order_work(
    of_papers: Sequence[Wanted], of_matches: WantedExplanations
) -> Sequence[Wanted | WantedExplanations]:
    """Order what is wanted: first of papers that readers see soon, then of matches, then of all papers."""
    return (*(replace(wanted, is_urgent=True) for wanted in of_papers), of_matches, *of_papers)


async def write_texts(
    database: Database,
    server: TextServerClient,
    wanted: Wanted | WantedExplanations,
    *,
    daily_limit: int,
    on_progress: Callable[[int], None] | None = None,
    clock: Callable[[], datetime] = utc_now,
) -> int:
    """Have every text written that is lacking, until none is or the day's limit is reached.

    Returns for how many the server was asked; `on_progress` gets that number. Raises
    `TextServerError` where the server fails; what is written stays.
    """
    asked = 0
    while True:
        async with database.read_session() as session:
            tasks = await _find_tasks(session, wanted)
        results: set[Result] = set()
        for start in range(0, len(tasks), MAX_CONCURRENT_PAPERS):
            pair = tasks[start : start + MAX_CONCURRENT_PAPERS]
            outcomes = await asyncio.gather(
                *(_write(database, server, task, daily_limit, clock) for task in pair),
                return_exceptions=True,
            )
            asked += outcomes.count(Result.asked)
            if on_progress:
                on_progress(asked)
            for outcome in outcomes:
                if isinstance(outcome, BaseException):
                    raise outcome
                results.add(outcome)
            if Result.used_up in results:
                return asked
        if not results & {Result.asked, Result.done}:  # none is lacking, or others do them all
            return asked


async def _find_tasks(session: ReadSession, wanted: Wanted | WantedExplanations) -> Sequence[TextTask]:
    if isinstance(wanted, WantedExplanations):
        return await explanations.find_next(session, wanted, limit=CHUNK_SIZE)
    ids = await find_next(session, wanted, limit=CHUNK_SIZE)
    return [PaperTextTask(wanted, paper_id) for paper_id in ids]


async def _write(
    database: Database,
    server: TextServerClient,
    task: TextTask,
    daily_limit: int,
    clock: Callable[[], datetime],
) -> Result:
    """Have a text written, unless another process does."""
    is_explanation = task.kind == EXPLANATION_KIND
    async with database.write_session() as session:
        lock = func.pg_try_advisory_xact_lock(LOCK_SPACE, func.hashtext(task.paper_id))
        if not await session.scalar(select(lock)):
            return Result.held
        # In a statement of its own, which sees what the previous holder has written.
        inquiry = await task.prepare(session)
        if inquiry is None:
            return Result.done
        async with database.write_session() as counting:
            if not await budget.take_place(counting, daily_limit, now=clock(), is_explanation=is_explanation):
                return Result.used_up
        try:
            outcome = await _ask(server, inquiry)
        except TextServerError:
            async with database.write_session() as counting:
                await budget.give_place_back(counting, now=clock(), is_explanation=is_explanation)
            raise
        await task.store(session, inquiry, outcome, now=clock())
        await budget.add_costs(
            session,
            requests=outcome.attempts,
            tokens_read=outcome.tokens_read,
            tokens_written=outcome.tokens_written,
            now=clock(),
        )
    _count(outcome)
    if outcome.refusal:
        logger.info("a text was refused", kind=task.kind, paper=task.paper_id, reason=outcome.refusal.value)
    return Result.asked


async def _ask(server: TextServerClient, inquiry: Inquiry) -> Outcome:
    """Ask for a text, once more if the answer can't be shown. Raises `TextServerError`."""
    outcome = Outcome()
    while outcome.content is None and outcome.attempts < MAX_ATTEMPTS:
        outcome.attempts += 1
        try:
            answer = await server.write(inquiry.prompt)
        except TextRefused as error:
            logger.warning("the text server refused a paper", error=str(error))
            outcome.refusal = Refusal.server
            continue
        outcome.tokens_read += answer.tokens_read
        outcome.tokens_written += answer.tokens_written
        line = tidy_answer(answer.text)
        outcome.refusal = inquiry.find_refusal(line) if answer.is_whole else Refusal.cut_off
        if outcome.refusal is None:
            outcome.content = line
    return outcome


def _count(outcome: Outcome) -> None:
    metrics.SUMMARIES.labels(outcome.refusal.value if outcome.refusal else "made").inc()
    metrics.TEXT_TOKENS.labels("read").inc(outcome.tokens_read)
    metrics.TEXT_TOKENS.labels("written").inc(outcome.tokens_written)
