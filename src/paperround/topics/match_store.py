"""Which topics are due with a day, and their matches of it: read and written by the thousand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from functools import cache
from typing import NamedTuple

from sqlalchemy import (
    ColumnElement,
    Date,
    Integer,
    Text,
    and_,
    any_,
    bindparam,
    delete,
    func,
    literal,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY

from paperround.database import ReadSession, WriteSession
from paperround.reads import Read, driver_connection, read_rows
from paperround.topics.match_rows import COPY, END, HEAD, RowEncoder
from paperround.topics.model.codec import DIRECTION_HEAD, HALF, NUMBER
from paperround.topics.model.match import Match
from paperround.topics.tables import Topic, TopicDay, TopicDirection


class MatchedDay(NamedTuple):
    """What matches of a day belong to: a topic is due where those that it has belong to anything else.

    `is_past` tells that topics are matched with it once, and not again when they change.
    """

    day: date
    measured_id: int
    papers_hash: str
    is_past: bool


class DueTopic(NamedTuple):
    """A topic that is due. `is_directed` tells whether its stored model is of the topic as it is now.

    `packed_fit` is that part of the model which fits need, None where nothing is known of what it likes.
    """

    id: int
    changed_at: datetime
    words: str
    daily: int
    min_band: str
    has_authors: bool
    is_directed: bool
    has_text_vector: bool
    packed_fit: bytes | None


async def list_due_batches(session: ReadSession, matched: MatchedDay, size: int) -> list[int]:
    """List the batches of so many topics with neighbouring ids in which any is due."""
    read = _due_batches(is_past=matched.is_past)
    return await read_rows(session, read, **matched._asdict(), size=size)


async def lock_due_topics(
    session: WriteSession, matched: MatchedDay, first: int, last: int
) -> list[DueTopic]:
    """Lock the topics that are due, so that none is deleted meanwhile. Changes of them need not wait.

    Only what fits need is read of their models: most topics have no match, and need nothing else.
    """
    read = _due_topics(is_past=matched.is_past)
    return await read_rows(session, read, **matched._asdict(), first=first, last=last)


async def load_packed_models(session: ReadSession, topic_ids: Sequence[int]) -> dict[int, bytes]:
    """Load topics' models, packed, by id. Those of which nothing is known are left out."""
    return dict(await read_rows(session, _packed_models(), topic_ids=topic_ids))


async def store_matches(
    session: WriteSession,
    matched: MatchedDay,
    topics: Sequence[DueTopic],
    incomplete: set[int],
    matches: Sequence[Sequence[Match]],
) -> None:
    """Store the matches of locked topics by COPY, in place of those that they had.

    An `incomplete` topic, whose words' vector is missing, gets no hash, and so stays due.
    """
    own = TopicDay.topic_id == any_(literal([topic.id for topic in topics], ARRAY(Integer)))
    await session.execute(delete(TopicDay).where(own, TopicDay.day == matched.day))
    connection = await driver_connection(session)
    encoder = RowEncoder(matched.day, matched.measured_id)
    hashes = ["" if topic.id in incomplete else matched.papers_hash for topic in topics]
    rows = [
        encoder.encode(topic.id, topic.changed_at, papers_hash, found)
        for topic, papers_hash, found in zip(topics, hashes, matches, strict=True)
    ]
    async with connection.cursor().copy(COPY) as copy:
        await copy.write(b"".join([HEAD, *rows, END]))


@cache
def _packed_models() -> Read[tuple[int, bytes]]:
    wanted = TopicDirection.topic_id == any_(bindparam("topic_ids", type_=ARRAY(Integer)))
    query = select(TopicDirection.topic_id, TopicDirection.packed)
    return Read(query.where(wanted, TopicDirection.packed.is_not(None)), lambda *row: row, binary=True)


@cache
def _due_batches(*, is_past: bool) -> Read[int]:
    batch = (Topic.id // bindparam("size", type_=Integer)).label("batch")
    that_day = (TopicDay.topic_id == Topic.id) & (TopicDay.day == bindparam("day", type_=Date))
    query = select(batch).select_from(Topic).outerjoin(TopicDay, that_day)
    return Read(query.where(_due_condition(is_past=is_past)).distinct().order_by(batch), int)


@cache
def _due_topics(*, is_past: bool) -> Read[DueTopic]:
    first, last = bindparam("first", type_=Integer), bindparam("last", type_=Integer)

    def of_topic(table: type[TopicDay | TopicDirection]) -> ColumnElement[bool]:
        """Join a table by topic. Without bounds of its own all its rows would be read for each batch."""
        return (table.topic_id == Topic.id) & table.topic_id.between(first, last)

    measured = TopicDirection.measured_id == bindparam("measured_id", type_=Integer)
    directed = measured & (TopicDirection.changed_at == Topic.changed_at)
    # OFFSET 0 keeps PostgreSQL from reading the head anew for each of its bytes.
    first_bytes = select(func.substr(TopicDirection.packed, 1, 4).label("bytes"))
    head = first_bytes.correlate(TopicDirection).offset(0).lateral("head")
    query = (
        select(
            Topic.id,
            Topic.changed_at,
            Topic.words,
            Topic.daily,
            Topic.min_band,
            func.cardinality(Topic.authors) > 0,
            func.coalesce(directed, False),
            TopicDirection.text_hash.is_not(None),
            func.substr(TopicDirection.packed, 1 + _direction_size(head.c.bytes)),
        )
        .outerjoin(TopicDirection, of_topic(TopicDirection))
        .outerjoin(TopicDay, of_topic(TopicDay) & (TopicDay.day == bindparam("day", type_=Date)))
        .outerjoin(head, true())
    )
    due = query.where(_due_condition(is_past=is_past), Topic.id.between(first, last)).order_by(Topic.id)
    held = due.with_for_update(of=Topic, key_share=True, read=True, skip_locked=True)
    return Read(held, DueTopic, binary=True)


def _direction_size(head: ColumnElement[bytes]) -> ColumnElement[int]:
    """Compute how many bytes of a model are its direction, from its first four, as `split_model` does."""
    words, dimensions = (
        func.get_byte(head, low, type_=Integer) + 256 * func.get_byte(head, low + 1, type_=Integer)
        for low in (0, 2)
    )
    return DIRECTION_HEAD.itemsize + 2 * NUMBER.itemsize * words + HALF.itemsize * dimensions


def _due_condition(*, is_past: bool) -> ColumnElement[bool]:
    if is_past:
        return and_(~Topic.paused, Topic.history_matched_at.is_(None), TopicDay.topic_id.is_(None))
    return and_(
        ~Topic.paused,
        or_(
            TopicDay.topic_id.is_(None),
            TopicDay.changed_at != Topic.changed_at,
            TopicDay.measured_id != bindparam("measured_id", type_=Integer),
            TopicDay.papers_hash != bindparam("papers_hash", type_=Text),
        ),
    )
