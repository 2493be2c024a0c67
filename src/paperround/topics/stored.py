"""What topics ask for, as their tables tell it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping

from sqlalchemy import select

from paperround.database import ReadSession
from paperround.topics.tables import Rating, Topic, TopicExample
from paperround.topics.wanted import Wanted


async def wanted_of(session: ReadSession, topic_ids: Collection[int]) -> Mapping[int, Wanted]:
    """Of those of these topics that there are. Ratings in the order in which they were made."""
    asked = Topic.id, Topic.words, Topic.must, Topic.must_not, Topic.authors
    topics = (await session.execute(select(*asked).where(Topic.id.in_(topic_ids)))).all()
    examples: dict[int, list[str]] = defaultdict(list)
    for topic_id, paper_id in await session.execute(
        select(TopicExample.topic_id, TopicExample.paper_id)
        .where(TopicExample.topic_id.in_(topic_ids))
        .order_by(TopicExample.topic_id, TopicExample.paper_id)
    ):
        examples[topic_id].append(paper_id)
    rated: dict[tuple[int, int], list[str]] = defaultdict(list)
    for topic_id, value, paper_id in await session.execute(
        select(Rating.topic_id, Rating.value, Rating.paper_id)
        .where(Rating.topic_id.in_(topic_ids))
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
