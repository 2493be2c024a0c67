"""Ratings: papers that a reader rated within their topics."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import Integer, Text, any_, bindparam, delete, func, select
from sqlalchemy.dialects.postgresql import ARRAY, insert

from paperround.database import WriteSession
from paperround.i18n.formats import format_number
from paperround.i18n.messages import gettext as _
from paperround.reads import Asked, Read, RoundTrip
from paperround.topics import seeds
from paperround.topics.changes import mark_changed, request_matching
from paperround.topics.drafts import TopicInvalid
from paperround.topics.tables import Rating, Topic

MAX_RATINGS: Final = 5000  # of a topic


async def rate_paper(
    session: WriteSession, topic: Topic, paper_id: str, value: int, *, now: datetime
) -> None:
    """Rate a paper within a topic: more (+1) or less (−1) like it. It replaces an earlier rating.

    Raises `TopicInvalid`.
    """
    if value not in (-1, 1):
        raise TopicInvalid(_("A rating is 1 (more) or -1 (less)."))
    if not (await seeds.resolve_ids(session, [paper_id])).paper_ids:
        raise TopicInvalid(_("Not in the catalogue: %(paper_id)s.", paper_id=paper_id))
    await _mark_changed(session, topic, now=now)
    other_ratings = await session.scalar(
        select(func.count()).where(Rating.topic_id == topic.id, Rating.paper_id != paper_id)
    )
    if (other_ratings or 0) >= MAX_RATINGS:
        raise TopicInvalid(
            _(
                "This topic has %(max_ratings)s ratings, as many as there can be.",
                max_ratings=format_number(MAX_RATINGS),
            )
        )
    values = {"value": value, "rated_at": now}
    rating = insert(Rating).values(topic_id=topic.id, paper_id=paper_id, **values)
    await session.execute(rating.on_conflict_do_update(index_elements=["topic_id", "paper_id"], set_=values))


async def remove_rating(session: WriteSession, topic: Topic, paper_id: str, *, now: datetime) -> None:
    """Remove a rating, as if it had never been made."""
    await _mark_changed(session, topic, now=now)
    rating = (Rating.topic_id == topic.id) & (Rating.paper_id == paper_id)
    await session.execute(delete(Rating).where(rating))


async def _mark_changed(session: WriteSession, topic: Topic, *, now: datetime) -> None:
    """Note that what the topic matches has changed."""
    await mark_changed(session, [topic.id], now=now)
    await request_matching(session)


class RatingRow(NamedTuple):
    """A rating of a paper within a topic: +1 or −1."""

    topic_id: int
    paper_id: str
    value: int


OF_PAPERS: Final = Read(
    select(Rating.topic_id, Rating.paper_id, Rating.value)
    .join(Topic, Topic.id == Rating.topic_id)
    .where(
        Topic.reader_id == bindparam("reader_id", type_=Integer),
        Rating.paper_id == any_(bindparam("ids", type_=ARRAY(Text))),
    )
    .order_by(Topic.position, Topic.id),
    RatingRow,
)


def ask_ratings(trip: RoundTrip, reader_id: int, paper_ids: Sequence[str]) -> Asked[list[RatingRow]]:
    """Ask for the reader's ratings of these papers, in any topic."""
    return trip.ask(OF_PAPERS, {"reader_id": reader_id, "ids": list(paper_ids)}, list)


def count_risen(before: Sequence[str], after: Sequence[str]) -> int:
    """Count the papers that are higher on a list than before, or new on it."""
    places = {paper_id: place for place, paper_id in enumerate(before)}
    return sum(place < places.get(paper_id, len(after) + 1) for place, paper_id in enumerate(after))
