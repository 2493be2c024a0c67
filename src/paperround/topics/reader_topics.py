"""A reader's topics: made, changed, put in order, paused, deleted; papers rated within them.

Every function asks for the reader, so that nobody reaches another's topic.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sqlalchemy import Text, any_, delete, func, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.orm import selectinload

from paperround import queue, tokens
from paperround.accounts.tables import Reader
from paperround.database import ReadSession, WriteSession
from paperround.papers.tables import Paper
from paperround.text.markup import plain
from paperround.topics import seeds
from paperround.topics.model.match import Wanted
from paperround.topics.tables import Rating, Topic, TopicExample

MOST_TOPICS: Final = 100  # of a reader
MOST_EXAMPLES: Final = 200  # of a topic: as many as matching looks at
MOST_RATINGS: Final = 5000
MOST_DAILY: Final = 50
LONGEST_NAME: Final = 100
LONGEST_WORDS: Final = 1000
MOST_RULES: Final = 20  # words that must stand in a paper; that must not; authors: of each
LONGEST_RULE: Final = 100
NAMED_AFTER: Final = 60  # characters of its words that a topic without a name is called by


class CannotFollow(ValueError):
    """A topic that says nothing, too much, or one too many. The text says which, to the reader."""


class NoSuchTopic(LookupError):
    """There is none of that number, or it is somebody else's: the answer is the same."""


@dataclass(frozen=True)
class Wish:
    """A topic as its reader puts it."""

    name: str = ""
    words: str = ""
    examples: tuple[str, ...] = ()  # papers' ids
    must: tuple[str, ...] = ()
    must_not: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    daily: int = 5

    @property
    def wanted(self) -> Wanted:
        """As matching asks for it, before anything was rated."""
        return Wanted(
            text=self.words,
            examples=self.examples,
            must=self.must,
            must_not=self.must_not,
            authors=self.authors,
        )


def checked(wish: Wish) -> Wish:
    """In plain text, each thing once, with a name. Raises `CannotFollow`."""
    tidy = replace(
        wish,
        name=plain(wish.name),
        words=plain(wish.words),
        examples=tuple(dict.fromkeys(wish.examples)),
        must=_each_once(wish.must),
        must_not=_each_once(wish.must_not),
        authors=_each_once(wish.authors),
    )
    if not (tidy.words or tidy.examples or tidy.authors):
        raise CannotFollow("Say what it is about: some words, a paper or an author.")
    _bounded("The name", tidy.name, LONGEST_NAME)
    _bounded("The words", tidy.words, LONGEST_WORDS)
    for kind, rules in {"must": tidy.must, "must not": tidy.must_not, "author": tidy.authors}.items():
        if len(rules) > MOST_RULES:
            raise CannotFollow(f"At most {MOST_RULES} of a kind ({kind}); there are {len(rules)}.")
        for rule in rules:
            _bounded(f"“{rule[:20]}…”", rule, LONGEST_RULE)
    if len(tidy.examples) > MOST_EXAMPLES:
        raise CannotFollow(f"At most {MOST_EXAMPLES} example papers; there are {len(tidy.examples)}.")
    if not 1 <= tidy.daily <= MOST_DAILY:
        raise CannotFollow(f"From 1 to {MOST_DAILY} papers a day.")
    return replace(tidy, name=tidy.name or _name(tidy))


def _each_once(given: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for one in given if (text := plain(one))))


def _bounded(what: str, text: str, longest: int) -> None:
    if len(text) > longest:
        raise CannotFollow(f"{what} is too long: {len(text):,} characters of at most {longest:,}.")


def _name(wish: Wish) -> str:
    if wish.words:
        short = wish.words[: NAMED_AFTER + 1]
        return wish.words if len(short) <= NAMED_AFTER else f"{short.rpartition(' ')[0] or short[:-1]}…"
    return f"Like {wish.examples[0]}" if wish.examples else f"By {wish.authors[0]}"


async def create(session: WriteSession, reader_id: int, wish: Wish, *, now: datetime) -> Topic:
    """At the end of the reader's topics. Raises `CannotFollow`."""
    wish = checked(wish)
    places = await _places(session, reader_id)
    if len(places) >= MOST_TOPICS:
        raise CannotFollow(f"You have {MOST_TOPICS} topics, as many as there can be. Delete one first.")
    topic = Topic(
        reader_id=reader_id,
        position=max((topic.position for topic in places), default=0) + 1,
        created_at=now,
        examples=[],
        ratings=[],
    )
    await _take(session, topic, wish, now=now)
    session.add(topic)
    await session.flush()
    await _have_matched(session)
    return topic


async def change(session: WriteSession, topic: Topic, wish: Wish, *, now: datetime) -> None:
    """Everything that a wish says; its place and what was rated stay. Raises `CannotFollow`."""
    await _take(session, topic, checked(wish), now=now)
    await session.flush()
    await _have_matched(session)


async def _take(session: WriteSession, topic: Topic, wish: Wish, *, now: datetime) -> None:
    known = await seeds.known(session, wish.examples)
    if known.missing:
        raise CannotFollow(f"Not in the catalogue: {', '.join(known.missing[:10])}.")
    topic.name, topic.words, topic.daily = wish.name, wish.words, wish.daily
    topic.must, topic.must_not, topic.authors = list(wish.must), list(wish.must_not), list(wish.authors)
    kept = {example.paper_id: example for example in topic.examples}
    topic.examples = [kept.get(key) or TopicExample(paper_id=key) for key in wish.examples]
    topic.changed_at = now


def wish_of(topic: Topic) -> Wish:
    """What `change` would leave as it is."""
    return Wish(
        topic.name,
        topic.words,
        tuple(example.paper_id for example in topic.examples),
        tuple(topic.must),
        tuple(topic.must_not),
        tuple(topic.authors),
        topic.daily,
    )


async def topics_of(session: ReadSession, reader_id: int) -> Sequence[Topic]:
    """The reader's, in their order, with examples and ratings."""
    query = select(Topic).where(Topic.reader_id == reader_id).order_by(Topic.position, Topic.id)
    return (await session.scalars(query.options(*_WHOLE))).all()


async def topic_of(session: ReadSession, reader_id: int, topic_id: int) -> Topic:
    """With examples and ratings. Raises `NoSuchTopic`."""
    query = select(Topic).where(Topic.id == topic_id, Topic.reader_id == reader_id).options(*_WHOLE)
    topic = (await session.scalars(query)).one_or_none()
    if topic is None:
        raise NoSuchTopic("There is no such topic.")
    return topic


_WHOLE: Final = (selectinload(Topic.examples), selectinload(Topic.ratings))


async def rename(session: WriteSession, topic: Topic, name: str) -> None:
    """What it matches stays. Raises `CannotFollow`."""
    topic.name = checked(replace(wish_of(topic), name=name)).name
    await session.flush()


async def pause(session: WriteSession, topic: Topic, paused: bool) -> None:
    """A paused topic keeps all that it learned and shows nothing."""
    topic.paused = paused
    await session.flush()


async def remove(session: WriteSession, topic: Topic) -> None:
    await session.delete(topic)
    await session.flush()


async def move(session: WriteSession, reader_id: int, topic_id: int, *, to: int) -> None:
    """To that place among the reader's topics, from 0; beyond the last is the last. Raises `NoSuchTopic`."""
    topics = await _places(session, reader_id)
    moved = next((topic for topic in topics if topic.id == topic_id), None)
    if moved is None:
        raise NoSuchTopic("There is no such topic.")
    topics.remove(moved)
    topics.insert(max(to, 0), moved)
    for place, topic in enumerate(topics, 1):
        topic.position = place
    await session.flush()


async def _places(session: WriteSession, reader_id: int) -> list[Topic]:
    """In their order. The reader's row is locked, so that two changes at once take turns."""
    await session.execute(select(Reader.id).where(Reader.id == reader_id).with_for_update(key_share=True))
    query = select(Topic).where(Topic.reader_id == reader_id).order_by(Topic.position, Topic.id)
    return list(await session.scalars(query.execution_options(populate_existing=True)))


async def rate(session: WriteSession, topic: Topic, paper_id: str, value: int, *, now: datetime) -> None:
    """More (+1) or less (−1) of the kind of a paper, in place of an earlier rating. Raises `CannotFollow`."""
    if value not in (-1, 1):
        raise CannotFollow("A rating is 1 (more) or -1 (less).")
    if not (await seeds.known(session, [paper_id])).paper_ids:
        raise CannotFollow(f"Not in the catalogue: {paper_id}.")
    await _touch(session, topic, now=now)
    rated = await session.scalar(
        select(func.count()).where(Rating.topic_id == topic.id, Rating.paper_id != paper_id)
    )
    if (rated or 0) >= MOST_RATINGS:
        raise CannotFollow(f"This topic has {MOST_RATINGS:,} ratings, as many as there can be.")
    given = {"value": value, "rated_at": now}
    new = insert(Rating).values(topic_id=topic.id, paper_id=paper_id, **given)
    await session.execute(new.on_conflict_do_update(index_elements=["topic_id", "paper_id"], set_=given))


async def take_rating_back(session: WriteSession, topic: Topic, paper_id: str, *, now: datetime) -> None:
    """As if it had never been rated."""
    await _touch(session, topic, now=now)
    mine = (Rating.topic_id == topic.id) & (Rating.paper_id == paper_id)
    await session.execute(delete(Rating).where(mine))


async def _touch(session: WriteSession, topic: Topic, *, now: datetime) -> None:
    """What it matches has changed. Locks its row, so that ratings at once take turns."""
    row = update(Topic).where(Topic.id == topic.id)
    await session.execute(row.values(changed_at=func.greatest(Topic.changed_at, now)))
    await _have_matched(session)


async def _have_matched(session: WriteSession) -> None:
    """Pages match what has just changed by themselves; this spares them it the next time."""
    await queue.defer(session, "match_topics", once="match_topics")


async def give_feed_key(session: WriteSession, topic: Topic) -> str:
    """A new key for its feed, told once; the one before opens nothing any more."""
    key = tokens.new_token()
    topic.feed_key_hash = tokens.fingerprint(key)
    await session.flush()
    return key


async def topic_by_key(session: ReadSession, topic_id: int, key: str) -> Topic:
    """With examples and ratings. Raises `NoSuchTopic` for a wrong key."""
    query = select(Topic).where(Topic.id == topic_id, Topic.feed_key_hash == tokens.fingerprint(key))
    topic = (await session.scalars(query.options(*_WHOLE))).one_or_none()
    if topic is None:
        raise NoSuchTopic("There is no such feed, or its key was changed.")
    return topic


async def titles(session: ReadSession, paper_ids: Iterable[str]) -> dict[str, str]:
    """For what a topic learned from, and reasons."""
    wanted = literal(sorted(set(paper_ids)), ARRAY(Text))  # as one value: hundreds take long to write
    query = select(Paper.id, Paper.title).where(Paper.id == any_(wanted))
    return dict((await session.execute(query)).all())


async def names_of(session: ReadSession, reader_id: int) -> dict[int, str]:
    """Number and name of each of the reader's topics, in their order."""
    query = select(Topic.id, Topic.name).where(Topic.reader_id == reader_id)
    return dict((await session.execute(query.order_by(Topic.position, Topic.id))).all())


async def last_rated(session: ReadSession, reader_id: int) -> int | None:
    """The topic in which the reader rated last."""
    query = select(Rating.topic_id).join(Topic, Topic.id == Rating.topic_id)
    mine = query.where(Topic.reader_id == reader_id)
    return await session.scalar(mine.order_by(Rating.rated_at.desc(), Rating.topic_id).limit(1))


async def ratings_of(session: ReadSession, reader_id: int, paper_ids: Sequence[str]) -> Sequence[Rating]:
    """What the reader rated of these papers, in any topic."""
    query = select(Rating).join(Topic, Topic.id == Rating.topic_id)
    mine = query.where(Topic.reader_id == reader_id, Rating.paper_id.in_(paper_ids))
    return (await session.scalars(mine.order_by(Topic.position, Topic.id))).all()
