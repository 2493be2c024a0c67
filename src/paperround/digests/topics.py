"""What a digest takes from its reader's topics."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from paperround.database import ReadSession


class TopicMatch(NamedTuple):
    paper_id: str
    topic_id: int
    name: str  # of the topic
    why: tuple[str, ...]  # the phrases, papers and authors that weighed most, heaviest first


async def matches_of(
    session: ReadSession, readers: Collection[int], first: date, last: date
) -> Mapping[int, Sequence[TopicMatch]]:
    """By reader: what matches their topics of the papers listed on these days, topic by topic, best first."""
    return {}
