"""The overview of a reader's day: what their topics match, each paper once, and some papers from outside."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, NamedTuple

from paperround.database import ReadSession
from paperround.topics import queries
from paperround.topics.matcher import match_papers
from paperround.topics.model.bands import Band
from paperround.topics.model.batch import MAX_FOLLOWED_PAPERS
from paperround.topics.model.match import Match, TextVector
from paperround.topics.tables import Topic

MAX_TOPICS_MATCHED: Final = 20  # by a page itself; the others wait for the worker
MAX_MATCHES: Final = 120  # of all topics together; each topic has its share
MATCHES_PER_OUTSIDE_PAPER: Final = 4  # one paper in five is from outside
MAX_OUTSIDE_PAPERS: Final = 5
OUTSIDE_PAPERS_WITHOUT_MATCHES: Final = 3  # where nothing matched


class PlacedMatch(NamedTuple):
    """A match under the topic that it fits best, with the names of the other topics that it matches."""

    match: Match
    other_topics: Sequence[str]


@dataclass(frozen=True)
class TopicGroup:
    """The matches of one topic.

    `max_shown` says how many a page of many topics shows. `is_waiting` means that the topic has just changed
    and a worker has yet to match it.
    """

    topic: Topic
    matches: Sequence[PlacedMatch]
    max_shown: int
    is_waiting: bool

    @property
    def shown_matches(self) -> Sequence[PlacedMatch]:
        return self.matches[: self.max_shown]


async def group_matches(
    session: ReadSession, topics: Sequence[Topic], day: date, vectors: Mapping[int, TextVector]
) -> list[TopicGroup]:
    """Group the day's matches by topic, in the topics' order, without paused ones.

    `vectors` are of their words.
    """
    active = [topic for topic in topics if not topic.paused]
    matches_of_topics = await _find_matches(session, active, day, vectors)
    max_shown = max(MAX_MATCHES // max(len(active), 1), 1)
    return [
        TopicGroup(topic, placed, max_shown, is_waiting=topic.id not in matches_of_topics)
        for topic, placed in zip(active, place_each_once(active, matches_of_topics), strict=True)
    ]


async def _find_matches(
    session: ReadSession, topics: Sequence[Topic], day: date, vectors: Mapping[int, TextVector]
) -> dict[int, Sequence[Match]]:
    """Load the matches that a worker stored, and match topics that have changed since."""
    stored = await queries.load_matches(session, [topic.id for topic in topics], day, day)
    matches_of_topics = {topic_id: days[day] for topic_id, days in stored.items() if day in days}
    changed = [topic for topic in topics if topic.id not in matches_of_topics][:MAX_TOPICS_MATCHED]
    topic_queries = await queries.load_topic_queries(session, [topic.id for topic in changed])
    for topic in changed:
        matches_of_topics[topic.id] = await match_papers(
            session,
            topic_queries[topic.id],
            text_vector=vectors.get(topic.id),
            first=day,
            last=day,
            limit=topic.daily + MAX_FOLLOWED_PAPERS,
            daily=topic.daily,
            min_band=Band(topic.min_band),
        )
    return matches_of_topics


def place_each_once(
    topics: Sequence[Topic], matches_of_topics: Mapping[int, Sequence[Match]]
) -> list[list[PlacedMatch]]:
    """Place each match under the topic that it fits best, or under the first of equals."""
    best: dict[str, tuple[float, int]] = {}
    for place, topic in enumerate(topics):
        for match in matches_of_topics.get(topic.id, ()):
            rank = (match.fit, -place)
            best[match.paper_id] = max(best.get(match.paper_id, rank), rank)
    names: dict[str, list[str]] = {}
    for topic in topics:
        for match in matches_of_topics.get(topic.id, ()):
            names.setdefault(match.paper_id, []).append(topic.name)
    return [
        [
            PlacedMatch(match, [name for name in names[match.paper_id] if name != topic.name])
            for match in matches_of_topics.get(topic.id, ())
            if best[match.paper_id][1] == -place
        ]
        for place, topic in enumerate(topics)
    ]


def choose_outside_papers(
    paper_ids: Sequence[str], seen: Collection[str], *, matched: int, reader_id: int, day: date
) -> list[str]:
    """Choose some of the papers that are not in `seen`, one for each four matches.

    A reader gets the same choice all day.
    """

    def draw(paper_id: str) -> bytes:
        return hashlib.md5(f"{reader_id} {day} {paper_id}".encode(), usedforsecurity=False).digest()

    number = (
        min(max(round(matched / MATCHES_PER_OUTSIDE_PAPER), 1), MAX_OUTSIDE_PAPERS)
        if matched
        else OUTSIDE_PAPERS_WITHOUT_MATCHES
    )
    return sorted((paper_id for paper_id in paper_ids if paper_id not in seen), key=draw)[:number]
