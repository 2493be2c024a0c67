"""Reading topics: what they ask for, and the matches that were stored for them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date

from sqlalchemy import Integer, any_, literal, select
from sqlalchemy.dialects.postgresql import ARRAY

from paperround.database import ReadSession
from paperround.topics.model.match import Match, Reason, ReasonKind, TopicQuery
from paperround.topics.tables import Rating, Topic, TopicDay, TopicExample


async def load_topic_queries(session: ReadSession, topic_ids: Collection[int]) -> Mapping[int, TopicQuery]:
    """Load what these topics ask for, by id.

    Topics that are gone are left out; ratings are in order of time.
    """
    ids = literal(
        list(topic_ids), ARRAY(Integer)
    )  # one value: writing a thousand into a statement takes longer than finding them
    columns = Topic.id, Topic.words, Topic.must, Topic.must_not, Topic.authors
    topics = (await session.execute(select(*columns).where(Topic.id == any_(ids)))).all()
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
        topic.id: TopicQuery(
            words=topic.words,
            examples=tuple(examples[topic.id]),
            liked=tuple(rated[topic.id, 1]),
            disliked=tuple(rated[topic.id, -1]),
            must=tuple(topic.must),
            must_not=tuple(topic.must_not),
            authors=tuple(topic.authors),
        )
        for topic in topics
    }


async def load_matches(
    session: ReadSession, topic_ids: Collection[int], first: date, last: date
) -> Mapping[int, Mapping[date, Sequence[Match]]]:
    """Load the stored matches of these topics by topic and day, best first.

    A day is left out where the topic has changed since it was matched; `matcher.match_papers` gives its
    matches.
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
    matches_of_topics: dict[int, dict[date, Sequence[Match]]] = {topic_id: {} for topic_id in topic_ids}
    for topic_id, day, matches in await session.execute(query):
        matches_of_topics[topic_id][day] = [_decode_match(*stored) for stored in matches]
    return matches_of_topics


def _decode_match(
    paper_id: str, score: float, strength: int, reasons: Sequence[tuple[str, str, float]]
) -> Match:
    decoded_reasons = tuple(Reason(ReasonKind(kind), text, weight) for kind, text, weight in reasons)
    return Match(paper_id, score, strength, decoded_reasons)
