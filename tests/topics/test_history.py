"""Past weeks of topics: matched once, kept as they were, shown by day and by week."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import func, select, update

from paperround.accounts import sign_in
from paperround.database import Database
from paperround.topics import corpus, reader_topics
from paperround.topics.drafts import TopicDraft
from paperround.topics.edition_matches import match_latest, match_past
from paperround.topics.history import count_weeks, list_past_days
from paperround.topics.model.bands import Band
from paperround.topics.tables import Topic, TopicDay

from support.factories import store_listing, utc
from support.topic_corpus import add_three_subjects, paper_id, subject_record

NOW, NEWEST = utc("2026-03-10 12:00"), date(2026, 3, 10)
# Seven editions are the latest; the last three of these lie before them.
EARLIER = ["2026-03-02", "2026-02-26", "2026-02-23", "2026-02-20", "2026-02-17", "2026-02-14", "2026-02-11",
           "2026-02-08", "2026-02-05"]  # fmt: skip
PAST = [date.fromisoformat(day) for day in EARLIER[-3:]]


@pytest.fixture
async def topic(database: Database) -> Topic:
    await add_three_subjects(database, day=f"{NEWEST}")
    for number, day in enumerate(EARLIER):
        await store_listing(database, day, subject_record(101 + number, "bees"))
    await store_listing(database, "2025-12-01", subject_record(99, "bees"))  # too long ago
    await corpus.measure_if_grown(database, now=NOW)
    return await make_topic(database, "ada")


async def make_topic(database: Database, email: str) -> Topic:
    draft = TopicDraft(
        name="Bees",
        words="honey bees and waggle dances",
        examples=(paper_id(1),),
        daily=3,
        min_band=Band.possible,
    )
    async with database.write_session() as session:
        reader = await sign_in.get_or_create_reader(session, f"{email}@example.org", now=NOW)
        return await reader_topics.create_topic(session, reader, draft, now=NOW)


async def days_of(database: Database, topic: Topic) -> list[date]:
    async with database.read_session() as session:
        days = select(TopicDay.day).where(TopicDay.topic_id == topic.id).order_by(TopicDay.day)
        return list(await session.scalars(days))


async def test_a_new_topic_is_matched_with_past_weeks_once(database: Database, topic: Topic) -> None:
    await match_latest(database, None)
    assert len(await days_of(database, topic)) == 7
    assert await match_past(database, None, now=NOW) == 1
    assert (await days_of(database, topic))[:3] == sorted(PAST)
    assert len(await days_of(database, topic)) == 10

    async with database.write_session() as session:
        await session.execute(
            update(Topic).values(changed_at=utc("2026-03-10 13:00"), words="pendulum clocks")
        )
        before = (await session.execute(select(TopicDay.matches).where(TopicDay.day == PAST[0]))).scalar_one()
    assert await match_past(database, None, now=NOW) == 0
    other = await make_topic(database, "ben")
    assert await match_past(database, None, now=NOW) == 1
    assert await days_of(database, other) == sorted(PAST)
    async with database.read_session() as session:
        kept = select(TopicDay.matches).where(TopicDay.day == PAST[0], TopicDay.topic_id == topic.id)
        assert (await session.execute(kept)).scalar_one() == before


async def test_weeks_and_days_tell_what_was_matched_then(database: Database, topic: Topic) -> None:
    await match_latest(database, None)
    await match_past(database, None, now=NOW)
    async with database.read_session() as session:
        weeks = await count_weeks(session, topic.id, NEWEST, weeks=8)
        counts = select(TopicDay.day, func.jsonb_array_length(TopicDay.matches))
        stored: dict[date, int] = dict((await session.execute(counts)).all())
        assert [week.first for week in weeks][-2:] == [date(2026, 3, 2), date(2026, 3, 9)]
        assert [week.matches for week in weeks] == [
            None, None,
            *(sum(n for day, n in stored.items() if 0 <= (day - week.first).days < 7) for week in weeks[2:]),
        ]  # fmt: skip
        assert sum(stored.values()) >= 6

        whole = await list_past_days(session, topic.reader_id, before=None, limit=20)
        assert [day.day for day in whole] == sorted((day for day, n in stored.items() if n), reverse=True)
        assert {found.topic for day in whole for found in day.matches} == {"Bees"}
        part = await list_past_days(session, topic.reader_id, before=whole[1].day, limit=2)
        assert [day.day for day in part] == [day.day for day in whole[2:4]]
        assert await list_past_days(session, topic.reader_id + 1, before=None, limit=2) == []


async def test_nothing_is_done_before_the_catalogue_was_measured(database: Database) -> None:
    await add_three_subjects(database, day=f"{NEWEST}", count=3)
    for day in EARLIER:
        await store_listing(database, day, subject_record(1, "bees"))
    topic = await make_topic(database, "ada")
    assert await match_past(database, None, now=NOW) == 0
    assert await days_of(database, topic) == []
