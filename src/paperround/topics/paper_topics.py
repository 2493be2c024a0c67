"""Which of a reader's topics a paper fits best, whether or not it fits any."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from sqlalchemy import Row, select

from paperround.arrays import np
from paperround.database import ReadSession
from paperround.papers.tables import TITLE_TEXT, Paper
from paperround.topics.corpus import StatisticsVersion, load_current_version
from paperround.topics.model.bands import Band, find_band
from paperround.topics.model.fit_codec import PackedFits, is_fit_of
from paperround.topics.model.fit_matrix import FitMatrix, compute_logits
from paperround.topics.model.scorer import PaperMatrix
from paperround.topics.model.statistics import PaperViews
from paperround.topics.paper_features import load_views
from paperround.topics.tables import Topic, TopicFit

UNKNOWN: Final = float("-inf")  # the logit of a topic that has not been matched yet


class RankedTopic(NamedTuple):
    """A topic, and the band of a paper's fit in it if it has one."""

    id: int
    name: str
    band: Band | None


async def rank_topics(session: ReadSession, reader_id: int, paper_id: str) -> list[RankedTopic]:
    """Rank all topics of a reader by how well a paper fits them, the best one first.

    Topics that have not been matched since they were made are the last ones, in their own order.
    """
    version = await load_current_version(session)
    topics = await _load_topics(session, version, reader_id)
    title = await session.scalar(select(TITLE_TEXT).where(Paper.id == paper_id))
    views = await load_views(session, version, [paper_id])
    logits = await asyncio.to_thread(_compute_logits, version, topics, views, {paper_id: title or ""})
    ranked = sorted(topics, key=lambda topic: -logits.get((topic.id, paper_id), UNKNOWN))
    return [
        RankedTopic(topic.id, topic.name, _find_band(logits.get((topic.id, paper_id), UNKNOWN)))
        for topic in ranked
    ]


def _find_band(logit: float) -> Band | None:
    return find_band(float(1 / (1 + np.exp(-logit))))


async def _load_topics(
    session: ReadSession, version: StatisticsVersion, reader_id: int
) -> Sequence[Row[int, str, bytes | None]]:
    """Load a reader's topics in their order, each with what its fit needs under this version, if stored."""
    fitted = (TopicFit.topic_id == Topic.id) & (TopicFit.measured_id == version.id)
    query = select(Topic.id, Topic.name, TopicFit.packed).outerjoin(TopicFit, fitted)
    rows = await session.execute(query.where(Topic.reader_id == reader_id).order_by(Topic.position, Topic.id))
    return rows.all()


def _compute_logits(
    version: StatisticsVersion,
    topics: Sequence[Row[int, str, bytes | None]],
    views: Mapping[str, PaperViews],
    titles: Mapping[str, str],
) -> dict[tuple[int, str], float]:
    """Compute the logits of the fits of papers in topics that were matched, by topic and paper."""
    digest = version.constants.digest
    known = {topic.id: topic.packed for topic in topics if topic.packed and is_fit_of(topic.packed, digest)}
    if not known or not views:
        return {}
    matrix = FitMatrix.build(
        version.statistics,
        PaperMatrix.build(version.statistics, list(views.values())),
        [titles[paper_id] for paper_id in views],
    )
    fits = PackedFits.of(list(known.values()))
    logits = compute_logits(fits.decode(len(version.statistics.mean_vector)), matrix)
    return {
        (topic_id, paper_id): float(logits[row, column])
        for row, topic_id in enumerate(known)
        for column, paper_id in enumerate(views)
    }
