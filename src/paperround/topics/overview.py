"""A reader's day: what all their topics match, each paper once, and a share of what lies outside of them."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, NamedTuple

from paperround.database import ReadSession
from paperround.topics import queries
from paperround.topics.matcher import matches
from paperround.topics.model.batch import MOST_FOLLOWED
from paperround.topics.model.match import Match, TextVector
from paperround.topics.tables import Topic

MOST_AT_ONCE: Final = 20  # topics that a page matches by itself; the others wait for the worker
MOST_SHOWN: Final = 120  # matches of all topics together, each with its share
EXPLORED: Final = 4  # matches for each paper from outside: one in five
MOST_EXPLORED: Final = 5
ALONE: Final = 3  # papers from outside where nothing matched


class Placed(NamedTuple):
    """A match under the topic where it is strongest; `also`: names of the others that it matched."""

    match: Match
    also: Sequence[str]


@dataclass(frozen=True)
class Group:
    """`room`: how many a page of many topics shows. `waiting`: it has just changed, and a worker is at it."""

    topic: Topic
    matches: Sequence[Placed]
    room: int
    waiting: bool

    @property
    def shown(self) -> Sequence[Placed]:
        return self.matches[: self.room]


async def grouped(
    session: ReadSession, topics: Sequence[Topic], day: date, vectors: Mapping[int, TextVector]
) -> list[Group]:
    """The day's matches of these topics, in order, but for paused ones. `vectors` are of their words."""
    active = [topic for topic in topics if not topic.paused]
    found = await _found(session, active, day, vectors)
    room = max(MOST_SHOWN // max(len(active), 1), 1)
    return [
        Group(topic, placed, room, waiting=topic.id not in found)
        for topic, placed in zip(active, each_once(active, found), strict=True)
    ]


async def _found(
    session: ReadSession, topics: Sequence[Topic], day: date, vectors: Mapping[int, TextVector]
) -> dict[int, Sequence[Match]]:
    """What a worker stored, and at once what has changed since."""
    known = await queries.matches_of(session, [topic.id for topic in topics], day, day)
    found = {key: days[day] for key, days in known.items() if day in days}
    changed = [topic for topic in topics if topic.id not in found][:MOST_AT_ONCE]
    wanted = await queries.wanted_of(session, [topic.id for topic in changed])
    for topic in changed:
        found[topic.id] = await matches(
            session,
            wanted[topic.id],
            text_vector=vectors.get(topic.id),
            first=day,
            last=day,
            limit=topic.daily + MOST_FOLLOWED,
            daily=topic.daily,
        )
    return found


def each_once(topics: Sequence[Topic], found: Mapping[int, Sequence[Match]]) -> list[list[Placed]]:
    """Of each topic, the matches that are strongest there; of equals the first topic has it."""
    best: dict[str, tuple[int, int]] = {}
    for place, topic in enumerate(topics):
        for match in found.get(topic.id, ()):
            here = (match.strength, -place)
            best[match.paper_id] = max(best.get(match.paper_id, here), here)
    holders: dict[str, list[str]] = {}
    for topic in topics:
        for match in found.get(topic.id, ()):
            holders.setdefault(match.paper_id, []).append(topic.name)
    return [
        [
            Placed(match, [name for name in holders[match.paper_id] if name != topic.name])
            for match in found.get(topic.id, ())
            if best[match.paper_id][1] == -place
        ]
        for place, topic in enumerate(topics)
    ]


def outside(
    paper_ids: Sequence[str], seen: Collection[str], *, matched: int, reader_id: int, day: date
) -> list[str]:
    """Some of the papers not in `seen`: one for each four matches. All day the same for a reader."""

    def lot(paper_id: str) -> bytes:
        return hashlib.md5(f"{reader_id} {day} {paper_id}".encode(), usedforsecurity=False).digest()

    number = min(max(round(matched / EXPLORED), 1), MOST_EXPLORED) if matched else ALONE
    return sorted((key for key in paper_ids if key not in seen), key=lot)[:number]
