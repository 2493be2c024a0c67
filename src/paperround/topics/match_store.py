"""Which topics are due with a day, and their matches of it: read and written by the thousand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final, Self

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Date,
    Integer,
    LargeBinary,
    Text,
    and_,
    any_,
    bindparam,
    case,
    delete,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY

from paperround.database import ReadSession, WriteSession
from paperround.reads import Asked, Read, RoundTrip, driver_connection, only, read_rows, round_trip
from paperround.topics.corpus import StatisticsVersion
from paperround.topics.match_rows import COPY, MatchedDay, encode_rows
from paperround.topics.model.bands import Band
from paperround.topics.model.fit_codec import DIGEST_SIZE, PackedFits, encode_digest
from paperround.topics.model.match import Match
from paperround.topics.model.sparse import Flags, Places
from paperround.topics.sent_arrays import FLAGS, INTEGERS, SMALL_INTEGERS, TIMES, decode_arrays, send_array
from paperround.topics.tables import Topic, TopicDay, TopicDirection, TopicFit

GROUP_SIZE: Final = 250  # neighbouring ids
# What `DueTopics.of_groups` decodes: its arrays, then the sizes of the fits.
SENT: Final[tuple[str, ...]] = (
    INTEGERS,
    TIMES,
    SMALL_INTEGERS,
    INTEGERS,
    FLAGS,
    FLAGS,
    FLAGS,
    INTEGERS,
)


@dataclass(frozen=True)
class DueTopics:
    """Topics that are due, side by side in the order of their ids. All arrays have the shape (topics,)."""

    ids: Places
    changed_at: Places  # microseconds, as PostgreSQL counts them
    daily: Places
    min_bands: Places  # their places among the bands
    has_authors: Flags
    is_fresh: Flags  # whether the stored model is of the topic as it is now
    has_matches: Flags  # whether there is a row of the day, of before
    fits: PackedFits  # of those that are fresh

    @classmethod
    def of_groups(cls, groups: Sequence[Sequence[bytes]]) -> Self:
        """Decode the groups that `_due_topics` selects, one after the other."""
        *sent, packed = zip(*groups, strict=True) if groups else [()] * (len(SENT) + 1)
        decoded = [decode_arrays(arrays, kind) for arrays, kind in zip(sent, SENT, strict=True)]
        ids, changed_at, daily, min_bands, has_authors, is_fresh, has_matches, sizes = decoded
        fits = PackedFits(b"".join(packed), sizes)
        return cls(ids, changed_at, daily, min_bands, has_authors, is_fresh, has_matches, fits)

    def __len__(self) -> int:
        return len(self.ids)


async def list_due_batches(session: ReadSession, matched: MatchedDay, size: int) -> list[int]:
    """List the batches of so many topics with neighbouring ids in which any is due."""
    read = _due_batches(is_past=matched.is_past)
    return await read_rows(session, read, **matched._asdict(), size=size)


async def lock_due_topics(
    session: WriteSession, matched: MatchedDay, version: StatisticsVersion, batch: int, size: int
) -> DueTopics:
    """Lock a batch of topics, and those of them that are due, so that none is deleted meanwhile.

    A batch that another worker holds has none. Changes of topics need not wait. Only what fits need is read
    of their models: most topics have no match, and need nothing else.
    """
    given = {
        **matched._asdict(),
        "first": batch * size,
        "last": (batch + 1) * size - 1,
        "has_model": version.statistics.model_id is not None,
        "digest": encode_digest(version.constants.digest),
    }
    async with round_trip(session) as trip:
        # Two statements: what the second one sees is of the time when the lock was taken, or later.
        is_ours = trip.ask(_lock_batch(), {"key": matched.day.toordinal(), "batch": batch}, only)
        groups = trip.ask(_due_topics(is_past=matched.is_past), given, list)
    return DueTopics.of_groups(groups.result if is_ours.result else [])


@cache
def _lock_batch() -> Read[bool]:
    key, batch = bindparam("key", type_=Integer), bindparam("batch", type_=Integer)
    return Read(select(func.pg_try_advisory_xact_lock(key, batch)), bool)


def ask_packed_directions(trip: RoundTrip, topic_ids: Sequence[int]) -> Asked[dict[int, bytes]]:
    """Ask for topics' directions, packed, by id. Those of which nothing is known are left out."""
    return trip.ask(_packed_directions(), {"topic_ids": topic_ids}, dict)


async def store_matches(
    session: WriteSession,
    matched: MatchedDay,
    topics: DueTopics,
    incomplete: set[int],
    matches: Mapping[int, Sequence[Match]],
) -> None:
    """Store the matches of locked topics by COPY, in place of those that they had.

    `matches` are of the topics at some places; the others have none. An `incomplete` topic, whose words'
    vector is missing, gets no hash, and so stays due.
    """
    again = topics.ids[topics.has_matches].tolist()
    if again:
        own = TopicDay.topic_id == any_(literal(again, ARRAY(Integer)))
        await session.execute(delete(TopicDay).where(own, TopicDay.day == matched.day))
    rows = encode_rows(matched, topics.ids, topics.changed_at, incomplete, matches)
    connection = await driver_connection(session)
    async with connection.cursor().copy(COPY) as copy:
        await copy.write(rows)


@cache
def _packed_directions() -> Read[tuple[int, bytes]]:
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
def _due_topics(*, is_past: bool) -> Read[Sequence[bytes]]:
    """Select topics that are due, as arrays of groups of them.

    PostgreSQL takes twice as long for one value of some megabytes, and psycopg for a row of each.
    """
    first, last = bindparam("first", type_=Integer), bindparam("last", type_=Integer)

    def of_topic(table: type[TopicDay | TopicDirection | TopicFit]) -> ColumnElement[bool]:
        """Join a table by topic. Without bounds of its own all its rows would be read for each batch."""
        return (table.topic_id == Topic.id) & table.topic_id.between(first, last)

    query = (
        select(
            Topic.id,
            Topic.changed_at,
            Topic.daily,
            (func.array_position([*Band], Topic.min_band) - 1).label("min_band"),
            (func.cardinality(Topic.authors) > 0).label("has_authors"),
            func.coalesce(_freshness(), False).label("is_fresh"),
            TopicDay.topic_id.is_not(None).label("has_matches"),
            TopicFit.packed,
        )
        .outerjoin(TopicDirection, of_topic(TopicDirection))
        .outerjoin(TopicFit, of_topic(TopicFit))
        .outerjoin(TopicDay, of_topic(TopicDay) & (TopicDay.day == bindparam("day", type_=Date)))
    )
    wanted = query.where(_due_condition(is_past=is_past), Topic.id.between(first, last)).order_by(Topic.id)
    due = wanted.with_for_update(of=Topic, key_share=True, read=True, skip_locked=True).subquery("due").c
    packed = case((due.is_fresh, due.packed), else_=b"")
    columns = due.id, due.changed_at, due.daily, due.min_band, due.has_authors, due.is_fresh, due.has_matches
    sent = [send_array(column) for column in (*columns, func.length(packed))]
    group = due.id // GROUP_SIZE
    groups = select(*sent, func.string_agg(packed, b"")).group_by(group).order_by(group)
    return Read(groups, lambda *row: row, binary=True)


def _freshness() -> ColumnElement[bool]:
    """Tell whether a topic's stored direction and fit are of the topic, the version and the constants."""
    measured_id = bindparam("measured_id", type_=Integer)
    return and_(
        *(
            (table.measured_id == measured_id) & (table.changed_at == Topic.changed_at)
            for table in (TopicDirection, TopicFit)
        ),
        func.substr(TopicFit.packed, 1, DIGEST_SIZE) == bindparam("digest", type_=LargeBinary),
        or_(
            TopicDirection.text_hash.is_not(None),
            ~bindparam("has_model", type_=Boolean),
            Topic.words.op("!~")(r"\S"),
        ),
    )


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
