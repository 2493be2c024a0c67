"""What "For you" says of a paper: the topic that it fits best, how well, and why. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup, escape

from paperround.follows.followed_papers import FollowedPaper
from paperround.summaries.shown_explanations import NO_EXPLANATIONS, Explanation, Explanations
from paperround.text.markup import render_html
from paperround.topics.model.bands import Band
from paperround.topics.reader_matches import TopicMatch
from paperround.web.views.follow_state import write_follow_reasons
from paperround.web.views.page_size import shorten_html
from paperround.web.views.reasons import write_reasons

MAX_FOR_YOU: Final = 5
MAX_TITLE: Final = 400  # bytes, as are the others
MAX_REASONS: Final = 600
MAX_TOPIC_NAME: Final = 60
MAX_FOLLOWS: Final = 3  # that are told of a paper
FOR_YOU_ROOM: Final = 9_000  # of a page


@dataclass(frozen=True)
class Recommendation:
    """A paper that fits a topic. `band` is None where an author alone speaks for it."""

    paper_id: str
    title: Markup
    topic_id: int
    topic: str
    band: Band | None
    why: Markup
    explanation: Explanation | None = None


def recommend(
    found: TopicMatch, titles: Mapping[str, str], explanations: Explanations = NO_EXPLANATIONS
) -> Recommendation:
    """Describe a match. `titles` are those of the paper and of what its reasons name."""
    match = found.match
    return Recommendation(
        match.paper_id,
        shorten_html(render_html(titles[match.paper_id]), MAX_TITLE),
        found.topic_id,
        shorten_topic(found.topic),
        match.band,
        shorten_html(write_reasons(match, titles), MAX_REASONS),
        explanations.get((found.topic_id, match.paper_id)),
    )


@dataclass(frozen=True)
class FollowedRecommendation:
    """A paper that what the reader follows speaks for."""

    paper_id: str
    title: Markup
    why: Markup


def recommend_followed(found: FollowedPaper, titles: Mapping[str, str]) -> FollowedRecommendation:
    """Describe a paper of what a reader follows."""
    return FollowedRecommendation(
        found.paper_id,
        shorten_html(render_html(titles[found.paper_id]), MAX_TITLE),
        shorten_html(write_follow_reasons(found.follows[:MAX_FOLLOWS]), MAX_REASONS // 2),
    )


def shorten_topic(name: str) -> Markup:
    """Shorten a topic's name, as HTML, for where many stand on a page."""
    return shorten_html(escape(name), MAX_TOPIC_NAME)
