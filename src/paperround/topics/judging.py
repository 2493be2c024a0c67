"""Readers judge whether papers fit their topics: ten pairs a day, kept for calibrating the fit."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert

from paperround.accounts.tables import Reader
from paperround.database import ReadSession, WriteSession
from paperround.errors import PaperroundError
from paperround.i18n.messages import gettext as _
from paperround.i18n.messages import mark_message
from paperround.papers import editions
from paperround.topics.corpus import StatisticsVersion, load_current_version
from paperround.topics.matcher import load_profile
from paperround.topics.model.batch import CandidatePaper, build_matrix
from paperround.topics.model.fit_matrix import FitDirections, compute_fits
from paperround.topics.model.match import TextVector
from paperround.topics.model.pair_choice import PAIRS_A_DAY, Pair, choose_pairs
from paperround.topics.model.scorer import TopicProfile
from paperround.topics.model.topic_model import build_model
from paperround.topics.paper_features import load_candidates
from paperround.topics.queries import load_topic_queries
from paperround.topics.tables import ReaderJudgment, Topic

JUDGED_DAYS: Final = 7  # of the latest editions, whose papers are judged
MAX_JUDGED_TOPICS: Final = 20
MAX_JUDGED_PAPERS: Final = 1000
EXPORT_BATCH_SIZE: Final = 1000  # rows held in memory


class JudgedEnough(PaperroundError):
    """The reader has judged as many pairs today as are asked for."""

    title = mark_message("That is all for today")
    status = 429


class DuePairs(NamedTuple):
    """What a reader may judge now. `judged_today` is how many they have."""

    pairs: Sequence[Pair]
    judged_today: int


async def find_due_pairs(
    session: ReadSession,
    reader_id: int,
    topics: Sequence[Topic],
    vectors: Mapping[int, TextVector],
    *,
    now: datetime,
) -> DuePairs:
    """Find the day's pairs of a reader that they have not judged yet.

    `topics` are theirs and `vectors` those of their words. Topics without words are left out.
    """
    judged = await _load_judged(session, reader_id)
    today = [pair for pair, judged_at in judged.items() if judged_at >= _start_of_day(now)]
    day = await editions.find_newest_day(session)
    worded = [topic for topic in topics if topic.words.strip() and not topic.paused][:MAX_JUDGED_TOPICS]
    if day is None or not worded or len(today) >= PAIRS_A_DAY:
        return DuePairs([], len(today))
    version = await load_current_version(session)
    first = day - timedelta(days=JUDGED_DAYS - 1)
    papers = await load_candidates(session, version, first, day, limit=MAX_JUDGED_PAPERS)
    queries = await load_topic_queries(session, [topic.id for topic in worded])
    profiles = {
        topic: await load_profile(session, version, queries[topic.id], vectors.get(topic.id))
        for topic in worded
        if topic.id in queries
    }
    pairs = await asyncio.to_thread(_pair, version, profiles, papers)
    earlier = judged.keys() - set(today)
    open_pairs = [pair for pair in pairs if (pair.words, pair.paper_id) not in earlier]
    chosen = choose_pairs(open_pairs, f"{reader_id} {now.astimezone(UTC).date()}")
    due = [pair for pair in chosen if (pair.words, pair.paper_id) not in today]
    return DuePairs(due[: PAIRS_A_DAY - len(today)], len(today))


def _pair(
    version: StatisticsVersion, profiles: Mapping[Topic, TopicProfile], papers: Sequence[CandidatePaper]
) -> list[Pair]:
    if not papers:
        return []
    models = [build_model(version.statistics, profile, version.constants) for profile in profiles.values()]
    directions = FitDirections.of([model.fit for model in models], len(version.statistics.mean_vector))
    fits = compute_fits(directions, build_matrix(version.statistics, papers))
    return [
        Pair(topic.id, normalise_topic(topic.words), paper.phrases.id, fit)
        for topic, of_topic in zip(profiles, fits.tolist(), strict=True)
        for paper, fit in zip(papers, of_topic, strict=True)
    ]


def normalise_topic(words: str) -> str:
    """Join a topic's words by single spaces, as judgments name it."""
    return " ".join(words.split())


async def judge(
    session: WriteSession, reader_id: int, topic: Topic, paper_id: str, grade: int, *, now: datetime
) -> None:
    """Keep a reader's judgment: 0 no, 1 partly, 2 it fits. A later one of the same pair replaces it.

    Raises `JudgedEnough` for a new pair once the day's are judged.
    """
    # Their row is locked, so that two answers at once don't make one too many.
    await session.execute(select(Reader.id).where(Reader.id == reader_id).with_for_update())
    words = normalise_topic(topic.words)
    judged = await _load_judged(session, reader_id)
    today = [pair for pair, judged_at in judged.items() if judged_at >= _start_of_day(now)]
    if (words, paper_id) not in judged and len(today) >= PAIRS_A_DAY:
        raise JudgedEnough(
            _(
                "You have judged %(pairs_a_day)s papers today. Thank you; there are more tomorrow.",
                pairs_a_day=PAIRS_A_DAY,
            )
        )
    row = insert(ReaderJudgment).values(
        reader_id=reader_id,
        paper_id=paper_id,
        topic_hash=hashlib.md5(words.encode(), usedforsecurity=False).hexdigest(),
        topic=words,
        grade=grade,
        judged_at=now,
    )
    await session.execute(
        row.on_conflict_do_update(
            index_elements=[
                ReaderJudgment.reader_id,
                ReaderJudgment.paper_id,
                ReaderJudgment.topic_hash,
            ],
            set_={"grade": row.excluded.grade},
        )
    )


async def delete_judgments(session: WriteSession, reader_id: int) -> None:
    """Delete all judgments of a reader."""
    await session.execute(delete(ReaderJudgment).where(ReaderJudgment.reader_id == reader_id))


async def count_judgments(session: ReadSession, reader_id: int) -> int:
    """Count all judgments of a reader."""
    query = select(func.count()).select_from(ReaderJudgment).where(ReaderJudgment.reader_id == reader_id)
    return (await session.execute(query)).scalar_one()


async def export_judgments(session: ReadSession) -> AsyncIterator[str]:
    """Yield all judgments as lines of JSON that `parse_judgments` reads, without whose they are.

    Where readers differ on a pair, the grade is the mean of theirs, rounded down from the middle.
    """
    mean = func.avg(ReaderJudgment.grade)
    query = (
        select(ReaderJudgment.topic, ReaderJudgment.paper_id, mean.label("grade"))
        .group_by(ReaderJudgment.topic, ReaderJudgment.paper_id)
        .order_by(ReaderJudgment.topic, ReaderJudgment.paper_id)
    )
    rows = await session.stream(query, execution_options={"yield_per": EXPORT_BATCH_SIZE})
    async for topic, paper_id, grade in rows:
        rounded = int(float(grade) + 0.4999)
        yield json.dumps({"topic": topic, "id": paper_id, "grade": rounded}, ensure_ascii=False)


async def _load_judged(session: ReadSession, reader_id: int) -> dict[tuple[str, str], datetime]:
    query = select(ReaderJudgment.topic, ReaderJudgment.paper_id, ReaderJudgment.judged_at)
    rows = await session.execute(query.where(ReaderJudgment.reader_id == reader_id))
    return {(topic, paper_id): judged_at for topic, paper_id, judged_at in rows}


def _start_of_day(now: datetime) -> datetime:
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
