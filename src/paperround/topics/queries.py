"""What topics ask for and what was found for them, as their tables tell it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date

from sqlalchemy import Integer, any_, literal, select
from sqlalchemy.dialects.postgresql import ARRAY

from paperround.database import ReadSession
from paperround.topics.model.match import Kind, Match, Reason, Wanted
from paperround.topics.tables import Rating, Topic, TopicDay, TopicExample


async def wanted_of(session: ReadSession, topic_ids: Collection[int]) -> Mapping[int, Wanted]:
    """Of those of these topics that there are. Ratings in the order in which they were made."""
    ids = literal(
        list(topic_ids), ARRAY(Integer)
    )  # as one value: a thousand take longer to write than to find
    asked = Topic.id, Topic.words, Topic.must, Topic.must_not, Topic.authors
    topics = (await session.execute(select(*asked).where(Topic.id == any_(ids)))).all()
    examples: dict[int, list[str]] = defaultdict(list)
    for topic_id, paper_id in await session.execute(
        select(TopicExample.topic_id, TopicExample.paper_id)
        .where(TopicExample.topic_id == any_(ids))
        .order_by(TopicExample.topic_id, TopicExample.paper_id)
    ):
        examples[topic_id].append(paper_id)
    rated: dict[tuple[int, int], list[str]] = defaultdict(list)
    for topic_id, value, paper_id in await session.execute(
        select(Rating.topic_id, Rating.value, Rating.paper_id)
        .where(Rating.topic_id == any_(ids))
        .order_by(Rating.topic_id, Rating.rated_at, Rating.paper_id)
    ):
        rated[topic_id, value].append(paper_id)
    return {
        topic.id: Wanted(
            topic.words,
            tuple(examples[topic.id]),
            tuple(rated[topic.id, 1]),
            tuple(rated[topic.id, -1]),
            tuple(topic.must),
            tuple(topic.must_not),
            tuple(topic.authors),
        )
        for topic in topics
    }


async def matches_of(
    session: ReadSession, topic_ids: Collection[int], first: date, last: date
) -> Mapping[int, Mapping[date, Sequence[Match]]]:
    """The stored matches of these topics for each of these days that was matched, best first.

    A day is left out where the topic has changed since: ask `matching.matches` for it, which knows already.
    """
    query = (
        select(TopicDay.topic_id, TopicDay.day, TopicDay.matches)
        .join(Topic, Topic.id == TopicDay.topic_id)
        .where(
            TopicDay.topic_id == any_(literal(list(topic_ids), ARRAY(Integer))),
            TopicDay.day.between(first, last),
            TopicDay.changed_at == Topic.changed_at,
        )
        .order_by(TopicDay.topic_id, TopicDay.day.desc())
    )
    found: dict[int, dict[date, Sequence[Match]]] = {topic_id: {} for topic_id in topic_ids}
    for topic_id, day, matches in await session.execute(query):
        found[topic_id][day] = [_match(*given) for given in matches]
    return found


def _match(paper_id: str, score: float, strength: int, reasons: Sequence[tuple[str, str, float]]) -> Match:
    told = tuple(Reason(Kind(kind), text, weight) for kind, text, weight in reasons)
    return Match(paper_id, score, strength, told)
