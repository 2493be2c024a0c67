"""Has texts written, paper by paper; each is committed at once.

The work is found in the tables, so a worker that dies loses one paper's request. A paper is held by an
advisory lock meanwhile, since a row lock would make ingestion wait for the server.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from paperround import metrics
from paperround.database import Database, WriteSession, utc_now
from paperround.papers.tables import Paper
from paperround.summaries import budget
from paperround.summaries.checks import Refusal, find_refusal, find_translation_refusal, tidy_answer
from paperround.summaries.client import TextRefused, TextServerClient, TextServerError
from paperround.summaries.held_formulas import hold_formulas
from paperround.summaries.prompt import PROMPT_VERSION, Prompt, build_prompt, build_translation_prompt
from paperround.summaries.selection import TextKind, Wanted, find_next, select_sources
from paperround.summaries.tables import PaperText
from paperround.text.reading import PlacedFormula, Reading

logger = structlog.get_logger(__name__)

CHUNK_SIZE: Final = 32  # papers looked up at once
MAX_CONCURRENT_PAPERS: Final = 2  # requests of one process at once
MAX_ATTEMPTS: Final = 2  # an answer that is refused is asked for once more
LOCK_SPACE: Final = 0x7E87  # of the advisory locks on papers; embedding models have low numbers


@dataclass(frozen=True)
class Source:
    """What is read of a paper, and the hash of its title and abstract."""

    title: str
    abstract: Reading
    hash: str


@dataclass
class Outcome:
    """What the attempts for one paper gave and cost. `refusal` is that of the last attempt."""

    content: str | None = None
    refusal: Refusal | None = None
    attempts: int = 0
    tokens_read: int = 0
    tokens_written: int = 0


async def write_texts(
    database: Database,
    server: TextServerClient,
    wanted: Wanted,
    *,
    daily_limit: int,
    on_progress: Callable[[int], None] | None = None,
    clock: Callable[[], datetime] = utc_now,
) -> int:
    """Have the text written of every paper that lacks it, until none does or the day's limit is reached.

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
                *(_write(database, server, wanted, paper_id, daily_limit, clock) for paper_id in pair),
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


async def _write(
    database: Database,
    server: TextServerClient,
    wanted: Wanted,
    paper_id: str,
    daily_limit: int,
    clock: Callable[[], datetime],
) -> bool | None:
    """Have a text written. Returns False where another process does or did, None where the day is used up."""
    async with database.write_session() as session:
        lock = func.pg_try_advisory_xact_lock(LOCK_SPACE, func.hashtext(paper_id))
        if not await session.scalar(select(lock)):
            return False
        # In a statement of its own, which sees what the previous holder has written.
        source = await _load_source(session, wanted, paper_id)
        if source is None:
            return False
        async with database.write_session() as counting:
            if not await budget.take_place(counting, daily_limit, now=clock()):
                return None
        try:
            outcome = await _ask(server, wanted, source)
        except TextServerError:
            async with database.write_session() as counting:
                await budget.give_place_back(counting, now=clock())
            raise
        await _store(session, wanted, paper_id, source.hash, outcome, clock())
    _count(outcome)
    if outcome.refusal:
        logger.info(
            "a text was refused", kind=wanted.kind.value, paper=paper_id, reason=outcome.refusal.value
        )
    return True


async def _load_source(session: WriteSession, wanted: Wanted, paper_id: str) -> Source | None:
    """Load what is read of the paper. None: it has the text already."""
    row = (await session.execute(select_sources(wanted, paper_id))).one_or_none()
    if row is None:
        return None
    formulas = (row.formulas or {}).get("abstract", ()) if row.is_read else ()
    abstract = Reading(row.abstract, tuple(PlacedFormula(*formula) for formula in formulas))
    return Source(row.title, abstract, row.source_hash)


async def _ask(server: TextServerClient, wanted: Wanted, source: Source) -> Outcome:
    """Ask for a text, once more if the answer can't be shown. Raises `TextServerError`."""
    prompt, find_fault = _prepare(wanted, source)
    outcome = Outcome()
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
        outcome.refusal = find_fault(line) if answer.is_whole else Refusal.cut_off
        if outcome.refusal is None:
            outcome.content = line
    return outcome


def _prepare(wanted: Wanted, source: Source) -> tuple[Prompt, Callable[[str], Refusal | None]]:
    """Prepare what is asked, and what tells why an answer can't be shown."""
    language = wanted.language
    if wanted.kind is TextKind.translation:
        held = hold_formulas(source.abstract)
        return build_translation_prompt(held, language), partial(
            find_translation_refusal, held=held, language=language
        )
    abstract = source.abstract.text
    return build_prompt(source.title, abstract, language), partial(
        find_refusal, title=source.title, abstract=abstract, language=language
    )


async def _store(
    session: WriteSession, wanted: Wanted, paper_id: str, source_hash: str, outcome: Outcome, now: datetime
) -> None:
    """Store what came of a paper. The site's summary is shown, or none: that of an older text goes."""
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
    new = insert(PaperText).values(paper_id=paper_id, kind=wanted.kind, language=wanted.language, **row)
    await session.execute(
        new.on_conflict_do_update(index_elements=["paper_id", "kind", "language"], set_=row)
    )
    if wanted.is_for_all:
        model = wanted.model if outcome.content else None
        await session.execute(
            update(Paper)
            .where(Paper.id == paper_id)
            .values(own_summary=outcome.content, own_summary_model=model)
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
