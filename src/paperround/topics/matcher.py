"""Matches of one topic with the papers of some days, computed and not stored: for previews, pages and the
API."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Final

from sqlalchemy import select

from paperround.database import ReadSession
from paperround.embeddings.tables import EmbeddingModel
from paperround.topics.corpus import StatisticsVersion, load_current_version
from paperround.topics.model import scorer
from paperround.topics.model.batch import BatchTopic, CandidatePaper, match_topics
from paperround.topics.model.match import Match, TextVector, TopicQuery
from paperround.topics.model.reasons import LikedVectors
from paperround.topics.model.rules import TopicRules
from paperround.topics.model.scorer import PaperMatrix, TopicProfile
from paperround.topics.model.sparse import Floats
from paperround.topics.model.statistics import PaperViews, Statistics
from paperround.topics.paper_features import load_candidates, load_views

MAX_LIKED: Final = 200  # papers, and as many disliked ones, that make a direction


async def match_papers(
    session: ReadSession,
    topic_query: TopicQuery,
    *,
    text_vector: TextVector | None,
    first: date,
    last: date,
    limit: int,
    daily: int,
) -> Sequence[Match]:
    """Find at most `limit` papers of these days' editions that match, best first.

    There are at most `daily` a day, not counting those of followed authors, and none below the threshold.
    `text_vector` is the vector of the topic's words. Without it the words count by the letter alone.
    """
    version = await load_current_version(session)
    papers = await load_candidates(session, version, first, last)
    profile = await load_profile(session, version, topic_query, text_vector)
    matches = await asyncio.to_thread(_match, version.statistics, profile, topic_query, papers, daily)
    return sorted(matches, key=lambda match: (-match.score, match.paper_id))[:limit]


def _match(
    statistics: Statistics,
    profile: TopicProfile,
    topic_query: TopicQuery,
    papers: Sequence[CandidatePaper],
    daily: int,
) -> list[Match]:
    matrix = PaperMatrix.build(statistics, [paper.views for paper in papers])
    return match_topics(
        statistics,
        papers,
        matrix,
        [build_batch_topic(statistics, profile, TopicRules.from_query(topic_query), daily)],
    )[0]


def build_batch_topic(
    statistics: Statistics, profile: TopicProfile, rules: TopicRules, daily: int
) -> BatchTopic:
    """Prepare a topic for matching."""
    vectors = {paper_id: view.vector for paper_id, view in profile.liked.items() if view.vector is not None}
    return BatchTopic(
        scorer.build_direction(statistics, profile), rules, daily, LikedVectors.select(vectors, vectors)
    )


def list_liked(topic_query: TopicQuery) -> list[str]:
    """List the papers that make the topic's direction: the latest ratings, then examples."""
    return list(dict.fromkeys([*topic_query.liked[::-1], *topic_query.examples]))[:MAX_LIKED]


def list_disliked(topic_query: TopicQuery) -> Sequence[str]:
    """List the papers that the direction leads away from: the latest ratings."""
    return topic_query.disliked[-MAX_LIKED:]


async def load_profile(
    session: ReadSession, version: StatisticsVersion, topic_query: TopicQuery, text_vector: TextVector | None
) -> TopicProfile:
    """Load the papers of a topic and build its profile."""
    liked, disliked = list_liked(topic_query), list_disliked(topic_query)
    views = await load_views(session, version, {*liked, *disliked})
    numbers = (
        text_vector.numbers if text_vector and await _is_of_version(session, version, text_vector) else None
    )
    return build_profile(version.statistics, topic_query.words, numbers, liked, disliked, views)


async def _is_of_version(session: ReadSession, version: StatisticsVersion, vector: TextVector) -> bool:
    model = select(EmbeddingModel.name).where(EmbeddingModel.id == version.statistics.model_id)
    return await session.scalar(model) == vector.model


def build_profile(
    statistics: Statistics,
    text: str,
    text_vector: Floats | None,
    liked: Iterable[str],
    disliked: Iterable[str],
    views: Mapping[str, PaperViews],
) -> TopicProfile:
    """Build a profile. Papers that are not in `views` have left the catalogue and count for nothing."""
    return TopicProfile(
        statistics.view_of_words(text, text_vector) if text.strip() else None,
        scorer.is_phrase_in_catalogue(statistics, text),
        {paper_id: views[paper_id] for paper_id in liked if paper_id in views},
        [views[paper_id] for paper_id in disliked if paper_id in views],
    )
