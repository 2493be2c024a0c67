"""Reading topics: what they ask for, and the matches that were stored for them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from functools import cache
from typing import Any, Final

from sqlalchemy import ColumnElement, Integer, Select, Text, any_, bindparam, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY

from paperround.database import ReadSession
from paperround.reads import Asked, Read, RoundTrip, answer
from paperround.topics.model.match import CLOSE_IN_MEANING, ExampleText, Match, Reason, ReasonKind, TopicQuery
from paperround.topics.tables import (
    MATCHES_ARE_CURRENT,
    USED_STATES,
    LibraryEntry,
    Rating,
    Topic,
    TopicDay,
    TopicExample,
)

MAX_EXAMPLE_TEXTS: Final = 300  # of a topic


async def load_topic_queries(session: ReadSession, topic_ids: Collection[int]) -> Mapping[int, TopicQuery]:
    """Load what these topics ask for, by id.

    Topics that are gone are left out; ratings are in order of time.
    """
    return await answer(session, lambda trip: ask_topic_queries(trip, topic_ids))


def ask_topic_queries(trip: RoundTrip, topic_ids: Collection[int]) -> Asked[Mapping[int, TopicQuery]]:
    """Ask for what these topics ask for, as `load_topic_queries` gives it."""
    return trip.ask(_topic_queries(), {"topic_ids": list(topic_ids)}, dict)


@cache
def _topic_queries() -> Read[tuple[int, TopicQuery]]:
    topic_ids = bindparam("topic_ids", type_=ARRAY(Integer))

    def rated(value: int) -> ColumnElement[list[str]]:
        return _select_ids(
            select(Rating.paper_id)
            .where(Rating.topic_id == Topic.id, Rating.value == value)
            .order_by(Rating.rated_at, Rating.paper_id)
        )

    examples = select(TopicExample.paper_id).where(TopicExample.topic_id == Topic.id)
    query = select(
        Topic.id,
        Topic.words,
        Topic.library_report.is_not(None),
        _select_ids(examples.order_by(TopicExample.paper_id)),
        rated(1),
        rated(-1),
        Topic.must,
        Topic.must_not,
        Topic.authors,
    )
    return Read(query.where(Topic.id == any_(topic_ids)), _make_query, binary=True)


def _select_ids(query: Select[str]) -> ColumnElement[list[str]]:
    return func.array(query.scalar_subquery(), type_=ARRAY(Text))


def _make_query(topic_id: int, words: str, has_library: bool, *lists: list[str]) -> tuple[int, TopicQuery]:
    examples, liked, disliked, must, must_not, authors = map(tuple, lists)
    library_of = topic_id if has_library else 0
    return topic_id, TopicQuery(words, examples, (), library_of, liked, disliked, must, must_not, authors)


async def list_topics_with_texts(session: ReadSession, topic_ids: Collection[int]) -> Sequence[int]:
    """List those of these topics that have works outside of the catalogue as examples."""
    ids = literal(list(topic_ids), ARRAY(Integer))
    query = select(LibraryEntry.topic_id).where(
        LibraryEntry.topic_id == any_(ids), LibraryEntry.state.in_(USED_STATES)
    )
    return (await session.scalars(query.distinct())).all()


async def load_example_texts(session: ReadSession, topic_id: int) -> tuple[ExampleText, ...]:
    """Load the entries of a topic that are examples."""
    query = (
        select(LibraryEntry)
        .where(LibraryEntry.topic_id == topic_id, LibraryEntry.state.in_(USED_STATES))
        .order_by(LibraryEntry.number)
        .limit(MAX_EXAMPLE_TEXTS)
    )
    return tuple(
        ExampleText(f"#{row.number}", row.title, row.abstract, row.model_id, row.vector or b"")
        for row in await session.scalars(query)
    )


async def load_matches(
    session: ReadSession, topic_ids: Collection[int], first: date, last: date
) -> Mapping[int, Mapping[date, Sequence[Match]]]:
    """Load the stored matches of these topics by topic and day, best first.

    A day is left out where the topic has changed since it was matched; `matcher.match_papers` gives its
    matches.
    """
    query = (
        select(TopicDay.topic_id, TopicDay.day, TopicDay.matches, TopicDay.fits)
        .join(Topic, MATCHES_ARE_CURRENT)
        .where(
            TopicDay.topic_id == any_(literal(list(topic_ids), ARRAY(Integer))),
            TopicDay.day.between(first, last),
        )
        .order_by(TopicDay.topic_id, TopicDay.day.desc())
    )
    matches_of_topics: dict[int, dict[date, Sequence[Match]]] = {topic_id: {} for topic_id in topic_ids}
    for topic_id, day, matches, fits in await session.execute(query):
        matches_of_topics[topic_id][day] = [
            decode_match(stored, fit) for stored, fit in zip(matches, fits, strict=True)
        ]
    return matches_of_topics


async def find_latest_match_days(session: ReadSession, topic_ids: Collection[int]) -> Mapping[int, date]:
    """Find the latest day on which each topic, as it is now, had a match. Topics without one are left out."""
    query = (
        select(TopicDay.topic_id, func.max(TopicDay.day))
        .join(Topic, MATCHES_ARE_CURRENT)
        .where(
            TopicDay.topic_id == any_(literal(list(topic_ids), ARRAY(Integer))),
            func.cardinality(TopicDay.fits) > 0,
        )
        .group_by(TopicDay.topic_id)
    )
    return {topic_id: day for topic_id, day in await session.execute(query) if day}


def encode_matches(matches: Sequence[Match]) -> tuple[Sequence[Sequence[Any]], Sequence[float]]:
    """Encode matches as they are stored, with their fits beside them.

    The release before reads four fields of each and doesn't know the reason that is there for want of others.
    """
    return (
        [
            (
                match.paper_id,
                match.score,
                match.strength,
                [
                    (kind.value, reason, weight)
                    for kind, reason, weight in match.reasons
                    if kind is not ReasonKind.meaning
                ],
            )
            for match in matches
        ],
        [match.fit for match in matches],
    )


def decode_match(stored: Sequence[Any], fit: float) -> Match:
    """Decode a match as `encode_matches` gave it, with its fit."""
    paper_id, score, strength, reasons = stored
    decoded_reasons = tuple(Reason(ReasonKind(kind), text, weight) for kind, text, weight in reasons)
    return Match(paper_id, score, strength, decoded_reasons or (CLOSE_IN_MEANING,), fit)
