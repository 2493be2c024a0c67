"""The weekly digest is the week's best by the votes of the week, not by what is hot when it goes out."""

from __future__ import annotations

from paperround.digests.tables import Cadence, DeliveryState

from .conftest import Post
from support.factories import feed_record, store_listing, utc
from support.subscriptions import subscribed

MONDAY = "2026-03-09 07:00"


async def test_the_weeks_most_voted_papers_come_in_the_order_of_the_weeks_votes(post: Post) -> None:
    await subscribed(post.database, "ada", now="2026-03-01 12:00", cadence=Cadence.weekly, max_papers=3)
    early = {"2603.00001": 62, "2603.00002": 53, "2603.00003": 9}
    await store_listing(
        post.database, "2026-03-03", *(feed_record(key, paper__upvotes=n) for key, n in early.items())
    )
    late = [feed_record("2603.00004", paper__upvotes=46), feed_record("2603.00005", paper__upvotes=34)]
    await store_listing(post.database, "2026-03-08", *late, seen_at=utc("2026-03-08 23:00"))
    # It was voted for in February; in the week it gained twelve votes.
    old = feed_record("2603.00006", paper__upvotes=400)
    await store_listing(post.database, "2026-02-20", old)
    again = feed_record("2603.00006", paper__upvotes=412)
    await store_listing(post.database, "2026-03-04", again)

    assert await post.send(MONDAY) == {DeliveryState.sent: 1}
    assert post.papers_of("ada") == [["2603.00001", "2603.00002", "2603.00004"]]
    (taken,) = post.sink.received
    words = " ".join(taken.message.get_body(("plain",)).get_content().split())
    assert "6 papers this week; most voted: " in words
    assert "(62 votes)." in words
    assert "MOST VOTED THIS WEEK" in words
    assert "3 of 6 papers left out. See the whole week:" in words
    assert "https://papers.example.org/papers/week/2026-W10" in words
