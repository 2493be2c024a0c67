"""What "For you" says of a paper: the topic that it fits best, how well, and why. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from paperround.text.markup import render_html
from paperround.topics.model.bands import Band
from paperround.topics.reader_matches import TopicMatch
from paperround.web.views.page_size import shorten_html, shorten_text
from paperround.web.views.reasons import write_reasons

MAX_FOR_YOU: Final = 5
MAX_TITLE: Final = 400  # bytes, as are the others
MAX_REASONS: Final = 600
MAX_TOPIC_NAME: Final = 60


@dataclass(frozen=True)
class Recommendation:
    """A paper that fits a topic. `band` is None where an author alone speaks for it."""

    paper_id: str
    title: Markup
    topic_id: int
    topic: str
    band: Band | None
    why: Markup


def recommend(found: TopicMatch, titles: Mapping[str, str]) -> Recommendation:
    """Describe a match. `titles` are those of the paper and of what its reasons name."""
    match = found.match
    return Recommendation(
        match.paper_id,
        shorten_html(render_html(titles[match.paper_id]), MAX_TITLE),
        found.topic_id,
        shorten_topic(found.topic),
        match.band,
        shorten_html(write_reasons(match, titles), MAX_REASONS),
    )


def shorten_topic(name: str) -> str:
    """Shorten a topic's name for where many stand on a page."""
    return shorten_text(name, MAX_TOPIC_NAME)
