"""A reader's topics: creating, changing, ordering, pausing and deleting them.

Topics are looked up by reader and id together, so that nobody reaches another's topic.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Final

from sqlalchemy import Integer, Text, any_, bindparam, delete, literal, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import selectinload

from paperround import tokens
from paperround.accounts.tables import Reader
from paperround.database import ReadSession, WriteSession
from paperround.errors import PaperroundError
from paperround.i18n.messages import gettext as _
from paperround.i18n.messages import mark_message
from paperround.papers.tables import TITLE_TEXT, Paper
from paperround.reads import Asked, Read, RoundTrip, answer, first_of
from paperround.topics import seeds
from paperround.topics.changes import request_matching
from paperround.topics.drafts import TopicDraft, TopicInvalid, check_draft
from paperround.topics.library_entries import store_library
from paperround.topics.model.bands import Band
from paperround.topics.tables import Topic, TopicDay, TopicExample

MAX_TOPICS: Final = 100  # of a reader
WITH_EXAMPLES_AND_RATINGS: Final = (selectinload(Topic.examples), selectinload(Topic.ratings))


class TopicNotFound(PaperroundError):
    """There is no topic of that number, or it is somebody else's: the answer is the same."""

    title = mark_message("Not found")
    status = 404


async def create_topic(session: WriteSession, reader_id: int, draft: TopicDraft, *, now: datetime) -> Topic:
    """Create a topic, as the last of the reader's topics. Raises `TopicInvalid`."""
    draft = check_draft(draft)
    topics = await _lock_topics(session, reader_id)
    if len(topics) >= MAX_TOPICS:
        raise TopicInvalid(
            _(
                "You have %(max_topics)s topics, as many as there can be. Delete one first.",
                max_topics=MAX_TOPICS,
            )
        )
    topic = Topic(
        reader_id=reader_id,
        position=max((topic.position for topic in topics), default=0) + 1,
        created_at=now,
        examples=[],
        ratings=[],
    )
    await _apply_draft(session, topic, draft, now=now)
    session.add(topic)
    await session.flush()
    if draft.library:
        await store_library(session, topic, draft.library, now=now)
    await request_matching(session)
    return topic


async def change_topic(session: WriteSession, topic: Topic, draft: TopicDraft, *, now: datetime) -> None:
    """Change a topic to what the draft says. Its position and its ratings stay. Raises `TopicInvalid`.

    Where it only says whether matches are explained, those that were found stay.
    """
    library_of = topic.id if topic.library_report is not None else 0
    draft = check_draft(replace(draft, library_of=library_of))
    topic.explain = draft.explain
    if draft == draft_of(topic):
        await session.flush()
        return
    await _apply_draft(session, topic, draft, now=now)
    await session.flush()
    await session.execute(delete(TopicDay).where(TopicDay.topic_id == topic.id))  # matches of what it was
    if draft.library:
        await store_library(session, topic, draft.library, now=now)
    await request_matching(session)


async def _apply_draft(session: WriteSession, topic: Topic, draft: TopicDraft, *, now: datetime) -> None:
    resolved = await seeds.resolve_ids(session, draft.examples)
    if resolved.missing:
        raise TopicInvalid(_("Not in the catalogue: %(value)s.", value=", ".join(resolved.missing[:10])))
    topic.name, topic.words = draft.name, draft.words
    topic.daily, topic.min_band, topic.explain = draft.daily, draft.min_band, draft.explain
    topic.must, topic.must_not, topic.authors = list(draft.must), list(draft.must_not), list(draft.authors)
    present_examples = {example.paper_id: example for example in topic.examples}
    topic.examples = [
        present_examples.get(paper_id) or TopicExample(paper_id=paper_id) for paper_id in draft.examples
    ]
    topic.changed_at = now


def draft_of(topic: Topic) -> TopicDraft:
    """Describe a topic as a draft that would change nothing."""
    return TopicDraft(
        name=topic.name,
        words=topic.words,
        examples=tuple(example.paper_id for example in topic.examples),
        must=tuple(topic.must),
        must_not=tuple(topic.must_not),
        authors=tuple(topic.authors),
        daily=topic.daily,
        min_band=Band(topic.min_band),
        explain=topic.explain,
        library_of=topic.id if topic.library_report is not None else 0,
    )


async def list_topics(session: ReadSession, reader_id: int) -> Sequence[Topic]:
    """List the reader's topics in their order, with examples and ratings."""
    query = select(Topic).where(Topic.reader_id == reader_id).order_by(Topic.position, Topic.id)
    return (await session.scalars(query.options(*WITH_EXAMPLES_AND_RATINGS))).all()


async def get_topic(session: ReadSession, reader_id: int, topic_id: int) -> Topic:
    """Get a topic of the reader with its examples and ratings. Raises `TopicNotFound`."""
    query = (
        select(Topic)
        .where(Topic.id == topic_id, Topic.reader_id == reader_id)
        .options(*WITH_EXAMPLES_AND_RATINGS)
    )
    topic = (await session.scalars(query)).one_or_none()
    if topic is None:
        raise TopicNotFound(_("There is no such topic."))
    return topic


async def rename_topic(session: WriteSession, topic: Topic, name: str) -> None:
    """Rename a topic. What it matches stays. Raises `TopicInvalid`."""
    topic.name = check_draft(replace(draft_of(topic), name=name)).name
    await session.flush()


async def set_paused(session: WriteSession, topic: Topic, paused: bool) -> None:
    """Pause a topic or resume it. A paused topic keeps everything that it learned and shows nothing."""
    topic.paused = paused
    await session.flush()


async def delete_topic(session: WriteSession, topic: Topic) -> None:
    """Delete a topic with its examples and ratings."""
    await session.delete(topic)
    await session.flush()


async def move_topic(session: WriteSession, reader_id: int, topic_id: int, *, position: int) -> None:
    """Move a topic to a position among the reader's topics, counted from 0. Raises `TopicNotFound`.

    A position beyond the last one is the last.
    """
    topics = await _lock_topics(session, reader_id)
    moved_topic = next((topic for topic in topics if topic.id == topic_id), None)
    if moved_topic is None:
        raise TopicNotFound(_("There is no such topic."))
    topics.remove(moved_topic)
    topics.insert(max(position, 0), moved_topic)
    for number, topic in enumerate(topics, 1):
        topic.position = number
    await session.flush()


async def _lock_topics(session: WriteSession, reader_id: int) -> list[Topic]:
    """List the reader's topics in order. Their own row is locked, so that two changes at once take turns."""
    await session.execute(select(Reader.id).where(Reader.id == reader_id).with_for_update(key_share=True))
    query = select(Topic).where(Topic.reader_id == reader_id).order_by(Topic.position, Topic.id)
    return list(await session.scalars(query.execution_options(populate_existing=True)))


async def renew_feed_key(session: WriteSession, topic: Topic) -> str:
    """Give a topic's feed a new key, which is shown only now. The key before it no longer works."""
    key = tokens.generate_token()
    topic.feed_key_hash = tokens.hash_token(key)
    await session.flush()
    return key


async def get_topic_by_feed_key(session: ReadSession, topic_id: int, key: str) -> Topic:
    """Get a topic with examples and ratings by the key of its feed.

    Raises `TopicNotFound` for a wrong key.
    """
    query = select(Topic).where(Topic.id == topic_id, Topic.feed_key_hash == tokens.hash_token(key))
    topic = (await session.scalars(query.options(*WITH_EXAMPLES_AND_RATINGS))).one_or_none()
    if topic is None:
        raise TopicNotFound(_("There is no such feed, or its key was changed."))
    return topic


async def load_titles(session: ReadSession, paper_ids: Iterable[str]) -> dict[str, str]:
    """Load the titles of papers by id, for reasons and for what a topic learned from."""
    ids = literal(
        sorted(set(paper_ids)), ARRAY(Text)
    )  # one value: writing hundreds into a statement takes long
    query = select(Paper.id, TITLE_TEXT.label("title")).where(Paper.id == any_(ids))
    return dict((await session.execute(query)).all())


NAMES: Final = Read(
    select(Topic.id, Topic.name)
    .where(Topic.reader_id == bindparam("reader_id", type_=Integer))
    .order_by(Topic.position, Topic.id),
    lambda topic_id, name: (topic_id, name),
)


def ask_topic_names(trip: RoundTrip, reader_id: int) -> Asked[dict[int, str]]:
    """Ask for the names of the reader's topics by id, in their order."""
    return trip.ask(NAMES, {"reader_id": reader_id}, dict)


TITLE: Final = Read(select(TITLE_TEXT).where(Paper.id == bindparam("paper_id", type_=Text)), str)


def ask_title(trip: RoundTrip, paper_id: str) -> Asked[str | None]:
    """Ask for the title of a paper. None if there is no such paper."""
    return trip.ask(TITLE, {"paper_id": paper_id}, first_of)


async def load_topic_names(session: ReadSession, reader_id: int) -> dict[int, str]:
    """Load the names of the reader's topics by id, in their order."""
    return await answer(session, partial(ask_topic_names, reader_id=reader_id))
