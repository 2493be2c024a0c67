"""What a reader follows is a part of its own in their digests, with who or what it is."""

from __future__ import annotations

from datetime import date

import pytest

from paperround.accounts import sign_in
from paperround.database import Database
from paperround.digests.tables import DeliveryState
from paperround.follows import reader_follows
from paperround.follows.tables import FollowKind
from paperround.topics import corpus, edition_matches, reader_topics
from paperround.topics.drafts import TopicDraft

from .conftest import Post
from support.factories import store_listing, utc
from support.subscriptions import subscribed
from support.topic_corpus import add_three_subjects, paper_id, subject_record

SUNDAY, MONDAY = date(2026, 3, 1), "2026-03-02 07:00"
BEFORE = "2026-03-01 12:00"
ADA = "Ada Lindqvist"


@pytest.fixture
async def catalogue(database: Database) -> Database:
    """Papers 61 (on rivers), 62 (on bees) and 63 are by Ada."""
    await add_three_subjects(database, day=f"{SUNDAY}")
    records = [subject_record(n, "bees" if n == 62 else "clocks", ADA, "Wei Zhang") for n in (61, 62, 63)]
    await store_listing(database, f"{SUNDAY}", *records)
    await corpus.measure_if_grown(database, now=utc(BEFORE))
    return database


async def follow(database: Database, email: str, kind: FollowKind, name: str) -> int:
    async with database.write_session() as session:
        reader = await sign_in.get_or_create_reader(session, f"{email}@example.org", now=utc(BEFORE))
        await reader_follows.add_follow(session, reader, kind, name, now=utc(BEFORE))
    return reader


def text_of(post: Post, name: str) -> str:
    (taken,) = [one for one in post.sink.received if f"{name}@" in one.message["To"]]
    return taken.message.get_body(("plain",)).get_content()


async def test_followed_papers_are_a_part_of_their_own_and_only_their_readers(
    post: Post, catalogue: Database
) -> None:
    reader = await follow(catalogue, "ada", FollowKind.author, "lindqvist, ada")
    await follow(catalogue, "ada", FollowKind.keyword, "escapement wear")
    await follow(catalogue, "ben", FollowKind.author, "Nobody Here")
    draft = TopicDraft(name="Bees", words="honey bees and waggle dances", examples=(paper_id(62),), daily=3)
    async with catalogue.write_session() as session:
        await reader_topics.create_topic(session, reader, draft, now=utc(BEFORE))
    for name in ("ada", "ben"):
        await subscribed(catalogue, name, now=BEFORE, trending=True, max_papers=30)
    await edition_matches.match_edition(catalogue, SUNDAY, None)

    assert await post.send(MONDAY) == {DeliveryState.sent: 2}
    text = text_of(post, "ada")
    followed = text[text.index("FOLLOWING") : text.index("BEES")]
    assert {paper_id(61), paper_id(63)} <= set(post.papers_of("ada")[0])
    assert f"/papers/{paper_id(61)}" in followed
    assert f"/papers/{paper_id(63)}" in followed
    assert "You follow lindqvist, ada" in followed
    assert "“escapement wear”" in followed
    assert "More like this" not in followed, "it is of no topic"
    assert "Save for later" in followed
    words = " ".join(text.split())
    assert "from what you follow" in words
    assert "on your topics" in words
    assert "FOLLOWING" not in text_of(post, "ben")


async def test_what_was_sent_does_not_come_again_and_a_digest_without_topics_has_none(
    post: Post, catalogue: Database
) -> None:
    for name in ("ada", "ben"):
        await follow(catalogue, name, FollowKind.author, ADA)
    await subscribed(catalogue, "ada", now=BEFORE, trending=False)
    await subscribed(catalogue, "ben", now=BEFORE, trending=True, topics=False, max_papers=30)

    await post.send(MONDAY)
    assert set(post.papers_of("ada")[0]) == {paper_id(61), paper_id(62), paper_id(63)}
    assert "FOLLOWING" not in text_of(post, "ben")
    await post.send("2026-03-03 07:00")
    assert len(post.papers_of("ada")) == 1
