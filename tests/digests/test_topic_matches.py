"""Topics in digests: what a worker matched arrives with its reasons, and what changed isn't left out."""

from __future__ import annotations

import itertools
from datetime import date, timedelta

import pytest
from sqlalchemy import func, select, text

from paperround.accounts import sign_in
from paperround.database import Database
from paperround.digests import batches
from paperround.digests import topic_matches as digest_topics
from paperround.digests.tables import Delivery, DeliveryState
from paperround.topics import edition_matches, queries, reader_topics
from paperround.topics.drafts import TopicDraft
from paperround.topics.model.match import ReasonKind
from paperround.topics.tables import Topic, TopicDay

from .conftest import Post
from support.factories import utc
from support.subscriptions import subscribed
from support.topic_corpus import add_measured_subjects, paper_id

SUNDAY, MONDAY = date(2026, 3, 1), "2026-03-02 07:00"
BEFORE = "2026-03-01 12:00"
BEES, RIVERS = "Honey bees", "Water"


@pytest.fixture
async def catalogue(database: Database) -> Database:
    """Sixty papers on Sunday's list, measured: 3n is of rivers, 3n + 1 of bees, 3n + 2 of clocks."""
    await add_measured_subjects(database, day=f"{SUNDAY}", now=utc(BEFORE))
    return database


async def reader(database: Database, name: str = "ada", **wishes: object) -> int:
    """With a subscription to topics alone."""
    async with database.write_session() as session:
        found = await sign_in.get_or_create_reader(session, f"{name}@example.org", now=utc(BEFORE))
    await subscribed(database, name, now=BEFORE, **{"trending": False, **wishes})
    return found


async def topic(database: Database, reader_id: int, name: str, words: str) -> Topic:
    async with database.write_session() as session:
        wish = TopicDraft(name=name, words=words, examples=(paper_id(1),) if name == BEES else (), daily=3)
        return await reader_topics.create_topic(session, reader_id, wish, now=utc(BEFORE))


def subjects(found: list[str]) -> set[int]:
    return {int(key[-5:]) % 3 for key in found}


async def text_of(post: Post) -> str:
    (taken,) = post.sink.received
    return taken.message.get_body(("plain",)).get_content()


async def test_what_a_worker_matched_arrives_with_the_topics_name_and_reasons(
    post: Post, catalogue: Database
) -> None:
    made = await topic(catalogue, await reader(catalogue), BEES, "honey bees and waggle dances")
    assert await edition_matches.match_edition(catalogue, SUNDAY, None) == 1

    assert await post.send(MONDAY) == {DeliveryState.sent: 1}
    (found,) = post.papers_of("ada")
    assert 1 <= len(found) <= 3
    assert subjects(found) == {1}
    async with catalogue.read_session() as session:
        (days,) = (await queries.load_matches(session, [made.id], SUNDAY, SUNDAY)).values()
    first = days[SUNDAY][0]
    phrases = [reason.text for reason in first.reasons[:3] if reason.kind is ReasonKind.phrase]
    words = " ".join((await text_of(post)).split())
    assert found == [match.paper_id for match in days[SUNDAY]]
    assert phrases
    assert f"{first.band.capitalize()} match: {phrases[0]}" in words
    assert f"60 papers on Sunday; {len(found)} on your topics; most voted:" in words
    assert f"{60 - len(found)} of 60 papers left out." in words
    assert "HONEY BEES" in words


async def test_topics_come_first_and_what_is_trending_too_stands_once_under_its_topic(
    post: Post, catalogue: Database
) -> None:
    await topic(catalogue, await reader(catalogue, trending=True, max_papers=30), BEES, "honey bees")
    await edition_matches.match_edition(catalogue, SUNDAY, None)
    await post.send(MONDAY)
    (found,) = post.papers_of("ada")
    words = await text_of(post)
    under_topic = words[words.index("HONEY BEES") : words.index("TRENDING NOW")].count("\n* ")
    assert 1 <= under_topic <= 3
    assert subjects(found[:under_topic]) == {1}
    assert len(found) == len(set(found)) == under_topic + 30
    assert "For your topic" not in words, "the heading says it"


async def test_what_found_no_place_under_its_topic_says_its_topic_among_the_trending(
    post: Post, catalogue: Database
) -> None:
    await topic(catalogue, await reader(catalogue, trending=True, max_papers=1), BEES, "honey bees")
    await edition_matches.match_edition(catalogue, SUNDAY, None)
    for at in range(2, 8):
        await post.send(f"2026-03-0{at} 07:00")
    texts = [taken.message.get_body(("plain",)).get_content() for taken in post.sink.received]
    for found, words in zip(post.papers_of("ada"), texts, strict=True):
        assert len(found) == len(set(found)) == words.count("\n* ")
        assert words.count("For your topic “Honey bees”") <= words.count("TRENDING NOW")


async def test_a_topic_that_nobody_matched_yet_is_matched_for_the_digest(
    post: Post, catalogue: Database
) -> None:
    await topic(catalogue, await reader(catalogue), BEES, "honey bees")
    await post.send(MONDAY)
    (found,) = post.papers_of("ada")
    assert subjects(found) == {1}


async def test_a_topic_that_changed_since_it_was_matched_comes_as_it_is_now(
    post: Post, catalogue: Database
) -> None:
    who = await reader(catalogue)
    made = await topic(catalogue, who, BEES, "honey bees")
    await edition_matches.match_edition(catalogue, SUNDAY, None)
    async with catalogue.write_session() as session:
        mine = await reader_topics.get_topic(session, who, made.id)
        await reader_topics.change_topic(
            session, mine, TopicDraft(name=RIVERS, words="river deltas, sediment transport"), now=utc(MONDAY)
        )

    await post.send(MONDAY)
    (found,) = post.papers_of("ada")
    assert subjects(found) == {0}
    assert "WATER" in await text_of(post)


async def test_a_paused_topic_is_left_out_and_costs_no_matching(post: Post, catalogue: Database) -> None:
    who = await reader(catalogue)
    made = await topic(catalogue, who, BEES, "honey bees")
    async with catalogue.write_session() as session:
        await reader_topics.set_paused(session, await reader_topics.get_topic(session, who, made.id), True)

    assert await post.send(MONDAY) == {}
    async with catalogue.read_session() as session:
        assert await session.scalar(select(func.count()).select_from(TopicDay)) == 0


async def test_a_digest_goes_out_even_while_nothing_can_be_matched(
    post: Post, catalogue: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another worker holds the topics for long: it is waited for a little."""
    monkeypatch.setattr(digest_topics, "MATCHING_RETRY_INTERVAL", 0)
    await topic(catalogue, await reader(catalogue, trending=True), BEES, "honey bees")
    async with catalogue.write_session() as session:
        key = {"day": SUNDAY.toordinal()}
        await session.execute(text("SELECT pg_advisory_xact_lock(:day, 0)"), key)
        assert await post.send(MONDAY) == {DeliveryState.sent: 1}
    assert "HONEY BEES" not in await text_of(post)


async def test_no_delivery_is_locked_while_topics_are_matched(
    post: Post, catalogue: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await topic(catalogue, await reader(catalogue), BEES, "honey bees")
    matched_days = []

    async def match_while_others_can_lock(database: Database, day: date, encoder: object) -> int:
        async with database.write_session() as session:
            await session.execute(select(Delivery.id).with_for_update(nowait=True))
        matched_days.append(day)
        return await edition_matches.match_edition(database, day, None)

    monkeypatch.setattr(batches, "match_edition", match_while_others_can_lock)
    assert await post.send(MONDAY) == {DeliveryState.sent: 1}
    assert matched_days == [SUNDAY]


async def test_a_topic_that_changes_between_matching_and_claiming_waits_for_the_next_round(
    post: Post, catalogue: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader_id = await reader(catalogue)
    created = await topic(catalogue, reader_id, BEES, "honey bees")
    match_topics = batches.DeliveryBatches._match_topics
    changes = iter(["river deltas, sediment transport"])

    async def match_then_change(self: batches.DeliveryBatches) -> None:
        await match_topics(self)
        for words in itertools.islice(changes, 1):
            async with catalogue.write_session() as session:
                present = await reader_topics.get_topic(session, reader_id, created.id)
                draft = TopicDraft(name=RIVERS, words=words)
                await reader_topics.change_topic(session, present, draft, now=utc(MONDAY))

    monkeypatch.setattr(batches.DeliveryBatches, "_match_topics", match_then_change)
    assert await post.send(MONDAY) == {DeliveryState.sent: 1}
    (papers,) = post.papers_of("ada")
    assert subjects(papers) == {0}


async def test_a_topic_that_changes_all_the_time_does_not_hold_a_digest_up(
    post: Post, catalogue: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader_id = await reader(catalogue, trending=True)
    created = await topic(catalogue, reader_id, BEES, "honey bees")
    match_topics = batches.DeliveryBatches._match_topics
    minutes = itertools.count(1)

    async def match_then_change(self: batches.DeliveryBatches) -> None:
        await match_topics(self)
        async with catalogue.write_session() as session:
            present = await reader_topics.get_topic(session, reader_id, created.id)
            minute = next(minutes)
            now, words = utc(MONDAY) + timedelta(minutes=minute), f"honey bees and {minute} hives"
            await reader_topics.change_topic(session, present, TopicDraft(words=words), now=now)

    monkeypatch.setattr(batches.DeliveryBatches, "_match_topics", match_then_change)
    assert await post.send(MONDAY) == {DeliveryState.sent: 1}
    assert next(minutes) == batches.MAX_MATCHING_ROUNDS + 3
