"""A weekly or monthly digest has the best of its days, not what is hot when it goes out."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from paperround.accounts import sign_in
from paperround.database import Database
from paperround.digests import archive, subscriptions
from paperround.digests.renderer import DigestRenderer
from paperround.digests.subscriptions import SubscriptionPreferences
from paperround.digests.tables import Cadence, Delivery, DeliveryState, Subscription
from paperround.topics import reader_topics
from paperround.topics.drafts import TopicDraft

from .conftest import Post
from support.databases import run_sql
from support.factories import feed_record, store_listing, utc
from support.sender_child import LINKS
from support.subscriptions import make_links, subscribed
from support.topic_corpus import add_measured_subjects, paper_id

MONDAY, FIRST_OF_APRIL = "2026-03-09 07:00", "2026-04-01 07:00"


def words_of(post: Post) -> str:
    (taken,) = post.sink.received
    return " ".join(taken.message.get_body(("plain",)).get_content().split())


@pytest.mark.parametrize(
    ("cadence", "moment", "days", "key"),
    [
        (Cadence.weekly, MONDAY, "this week", "week/2026-W10"),
        (Cadence.monthly, FIRST_OF_APRIL, "in March", "month/2026-03"),
    ],
)
async def test_the_most_voted_papers_come_in_the_order_of_their_votes(
    post: Post, cadence: Cadence, moment: str, days: str, key: str
) -> None:
    await subscribed(post.database, "ada", now="2026-03-01 12:00", cadence=cadence, max_papers=3)
    early = {"2603.00001": 62, "2603.00002": 53, "2603.00003": 9}
    await store_listing(
        post.database,
        "2026-03-03",
        *(feed_record(key, paper__upvotes=n, numComments=0) for key, n in early.items()),
    )
    starred = {"paper__githubRepo": "https://github.com/ada/waits", "paper__githubStars": 1200}
    late = [
        feed_record("2603.00004", paper__upvotes=46, numComments=31),
        feed_record("2603.00005", paper__upvotes=34, numComments=2, **starred),
    ]
    await store_listing(post.database, "2026-03-08", *late, seen_at=utc("2026-03-08 23:00"))
    # It was voted for in February; on the days of the digest it gained twelve votes.
    await store_listing(post.database, "2026-02-20", feed_record("2603.00006", paper__upvotes=400))
    again = feed_record("2603.00006", paper__upvotes=412)
    await store_listing(post.database, "2026-03-04", again)

    assert await post.send(moment) == {DeliveryState.sent: 1}
    assert post.papers_of("ada") == [["2603.00001", "2603.00002", "2603.00004"]]
    words = words_of(post)
    assert f"6 papers {days}; most voted: " in words
    assert "(62 votes)." in words
    assert f"MOST VOTED {days.upper()}" in words
    discussed = words[words.index(f"MOST DISCUSSED {days.upper()}") :]
    assert "- Patient Gradients, Part 2603.00004 31 comments: https://papers.example.org/papers/" in discussed
    assert "Part 2603.00005 2 comments: " in discussed[: discussed.index("CODE RELEASED")]
    released = discussed[discussed.index(f"CODE RELEASED {days.upper()}") :]
    assert "Part 2603.00005 1,200 stars: " in released
    assert "Code: https://github.com/ada/waits" in released
    whole = "See the whole week" if cadence is Cadence.weekly else "See the whole month"
    assert f"3 of 6 papers left out. {whole}: https://papers.example.org/papers/{key}" in words

    async with post.database.read_session() as session:
        (sent,) = await session.scalars(select(Delivery))
        target = (await session.get_one(Subscription, sent.subscription_id)).link_target
        token = make_links(sent.id, target).digest.rpartition("/")[2]
        digest = await archive.load_digest(session, LINKS.read_token("digest", token))
    assert digest is not None
    page = DigestRenderer(LINKS, "Paperround").render_page(digest).text
    assert released[: released.index(" Code:")] in " ".join(page.split()), "the page says the same"


async def test_each_topic_has_places_and_says_how_much_of_the_days_matched(
    post: Post, database: Database
) -> None:
    await add_measured_subjects(database, day="2026-03-05", now=utc("2026-03-06 12:00"))
    async with database.write_session() as session:
        ada = await sign_in.get_or_create_reader(session, "ada@example.org", now=utc("2026-03-01 12:00"))
        for name, words, example in (("Bees", "honey bees", 1), ("Rivers", "rivers and water", 3)):
            draft = TopicDraft(name=name, words=words, examples=(paper_id(example),), daily=10)
            await reader_topics.create_topic(session, ada, draft, now=utc("2026-03-01 12:00"))
    await subscribed(
        database, "ada", now="2026-03-01 12:00", cadence=Cadence.monthly, max_papers=4, trending=False
    )

    assert await post.send(FIRST_OF_APRIL) == {DeliveryState.sent: 1}
    (found,) = post.papers_of("ada")
    assert [int(key[-5:]) % 3 for key in found] == [1, 1, 0, 0]
    words = words_of(post)
    assert "MOST DISCUSSED" not in words, "they want to know of their topics alone"
    for name in ("BEES", "RIVERS"):
        said = words[words.index(name) + len(name) :].split()
        assert int(said[0]) > 2
        assert " ".join(said[1:4]).strip(",") == "matches in March"


async def test_a_monthly_digest_that_failed_comes_with_the_next_one(post: Post) -> None:
    await subscribed(post.database, "ada", now="2026-03-01 12:00", cadence=Cadence.monthly)
    await store_listing(post.database, "2026-03-20", feed_record("2603.00001", paper__upvotes=5))
    await post.send(FIRST_OF_APRIL)
    async with post.database.write_session() as session:
        (sent,) = await session.scalars(select(Delivery))
        sent.state = DeliveryState.failed
    await store_listing(post.database, "2026-04-20", feed_record("2604.00001", paper__upvotes=9))

    await post.send("2026-05-01 07:00")
    assert sorted(post.papers_of("ada")[-1]) == ["2603.00001", "2604.00001"]


async def test_the_release_before_reads_a_monthly_digest_as_a_weekly_one(
    database: Database, database_url: str
) -> None:
    number = await subscribed(database, "ada", now="2026-03-01 12:00", cadence=Cadence.monthly)
    stored = "SELECT 1 / count(*) FROM subscriptions WHERE cadence = 'weekly' AND monthly"
    run_sql(database_url, stored)
    async with database.read_session() as session:
        monthly = select(Subscription.id).where(Subscription.cadence == Cadence.monthly)
        assert (await session.scalars(monthly)).all() == [number]
    # And what it writes counts.
    run_sql(database_url, "UPDATE subscriptions SET cadence = 'weekdays'")
    async with database.write_session() as session:
        found = await session.get_one(Subscription, number)
        assert found.cadence is Cadence.weekdays
        for cadence in Cadence:
            wanted = SubscriptionPreferences(cadence=cadence)
            found = await subscriptions.change_preferences(session, number, wanted, now=utc(MONDAY))
            await session.flush()
            await session.refresh(found)
            assert found.cadence is cadence
