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
from paperround.topics.model.bands import DEFAULT_MIN_BAND, Band
from paperround.topics.model.batch import (
    BatchTopic,
    CandidatePaper,
    TopicBatch,
    build_matrix,
    match_topics,
)
from paperround.topics.model.fit_matrix import FitDirections, compute_fits
from paperround.topics.model.match import Match, TextVector, TopicQuery
from paperround.topics.model.reasons import compute_cosines
from paperround.topics.model.rules import TopicRules
from paperround.topics.model.scorer import Directions, TopicProfile
from paperround.topics.model.sparse import Floats, Rows
from paperround.topics.model.statistics import PaperViews, Statistics
from paperround.topics.model.topic_model import build_model
from paperround.topics.paper_features import build_text_views, load_candidates, load_views
from paperround.topics.queries import load_example_texts

TEXT_KEY: Final = "#"  # what keys of works outside of the catalogue begin with; they are no reasons
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
    min_band: Band = DEFAULT_MIN_BAND,
) -> Sequence[Match]:
    """Find at most `limit` papers of these days' editions that match, best first.

    There are at most `daily` a day, not counting those of followed authors, and none below `min_band`.
    `text_vector` is the vector of the topic's words. Without it the words count by the letter alone.
    """
    version = await load_current_version(session)
    papers = await load_candidates(session, version, first, last)
    profile = await load_profile(session, version, topic_query, text_vector)
    rules = TopicRules.from_query(topic_query)
    matches = await asyncio.to_thread(_match, version, profile, rules, papers, daily, min_band)
    return sorted(matches, key=lambda match: match.order)[:limit]


def _match(
    version: StatisticsVersion,
    profile: TopicProfile,
    rules: TopicRules,
    papers: Sequence[CandidatePaper],
    daily: int,
    min_band: Band,
) -> list[Match]:
    statistics, matrix = version.statistics, build_matrix(version.statistics, papers)
    vectors = {
        paper_id: view.vector
        for paper_id, view in profile.liked.items()
        if view.vector is not None and not paper_id.startswith(TEXT_KEY)
    }
    model, dimensions = build_model(statistics, profile, version.constants), len(statistics.mean_vector)
    fit = FitDirections.of([model.fit], dimensions)
    batch = TopicBatch(
        [BatchTopic(rules, daily, min_band, list(vectors))],
        Directions.of([model.direction], dimensions),
        Rows.of([model.fit.reasons]),
        compute_cosines(vectors, matrix.papers),
    )
    return match_topics(statistics, papers, matrix, batch, compute_fits(fit, matrix))[0]


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
    examples = topic_query.texts
    if topic_query.library_of:
        examples = await load_example_texts(session, topic_query.library_of)
    texts = await build_text_views(version, examples)
    views = {**await load_views(session, version, {*liked, *disliked}), **texts}
    liked = [*liked, *texts][:MAX_LIKED]
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
        text,
    )
