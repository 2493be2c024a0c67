"""Deliveries: at most once, whatever dies; none stops the others; what wasn't certainly sent comes again."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from paperround.database import WriteSession
from paperround.digests import claims, delivery, scheduler, subscriptions
from paperround.digests.carriers import compute_retry_delay
from paperround.digests.delivery_log import DeliveryOutcome, open_delivery_log
from paperround.digests.delivery_states import DeliveryEvent
from paperround.digests.selection import PendingDelivery, Selection
from paperround.digests.start_ledger import StartLedger
from paperround.digests.tables import (
    Bounce,
    DeliveryState,
    Sender,
    Subscription,
    SubscriptionState,
    WhenEmpty,
)

from .conftest import Post, papers
from support.factories import feed_record, store_listing, utc
from support.mail_sink import HANG_UP
from support.sender_child import LINKS
from support.subscriptions import subscribed

MONDAY, TUESDAY, WEDNESDAY = "2026-03-02 07:00", "2026-03-03 07:00", "2026-03-04 07:00"
BEFORE = "2026-03-01 12:00"


async def three(post: Post, **wishes: Any) -> None:
    for name in ("ada", "ben", "cyn"):
        await subscribed(post.database, name, now=BEFORE, **wishes)
    await papers(post.database, "2026-03-01", 1, 2, 3)


async def claimed_by(session: WriteSession, sender: int) -> list[PendingDelivery]:
    """All that waits on Monday."""
    picked = await claims.lock_due(session, sender, limit=10, now=utc(MONDAY))
    assert picked is not None
    await claims.claim(session, sender, {one.id: Selection(["2603.00001"], {}) for one in picked})
    return list(picked)


def told(recipient: str, answer: str, stage: str = "RCPT") -> Any:
    return lambda at_stage, argument: answer if at_stage == stage and recipient in argument else None


async def test_a_withdrawn_paper_goes_into_no_digest(post: Post) -> None:
    await three(post)
    gone = feed_record("2603.00001", paper__withdrawnAt="2026-03-01T13:00:00.000Z")
    kept = [feed_record("2603.00002"), feed_record("2603.00003")]
    await store_listing(post.database, "2026-03-01", gone, *kept, seen_at=utc("2026-03-01 14:00"))

    assert await post.send(MONDAY) == {DeliveryState.sent: 3}
    assert "2603.00001" not in post.papers_of("ada")[0]
    assert len(post.papers_of("ada")[0]) == 2


async def test_everyone_gets_one_message_with_the_papers_of_the_day(post: Post) -> None:
    await three(post)

    assert await post.send("2026-03-02 06:59") == {}
    assert await post.send(MONDAY) == {DeliveryState.sent: 3}
    assert await post.send("2026-03-02 07:01") == {}

    for name in ("ada", "ben", "cyn"):
        assert post.papers_of(name) == [["2603.00001", "2603.00002", "2603.00003"]]
    assert set(post.sink.count_by_message_id().values()) == {1}


async def test_a_paper_comes_once_and_a_day_without_new_ones_is_skipped(post: Post) -> None:
    await three(post)
    await post.send(MONDAY)
    assert await post.send(TUESDAY) == {}
    await papers(post.database, "2026-03-03", 2, 4)

    assert await post.send(WEDNESDAY) == {DeliveryState.sent: 3}
    assert post.papers_of("ada") == [["2603.00001", "2603.00002", "2603.00003"], ["2603.00004"]]
    assert await post.states() == {"sent": 6}


async def test_who_wants_a_note_gets_one_on_a_day_without_papers(post: Post) -> None:
    await subscribed(post.database, "ada", now=BEFORE, when_empty=WhenEmpty.note)
    assert await post.send(MONDAY) == {DeliveryState.sent: 1}
    assert post.sink.received[0].message["Subject"] == "Nothing new on Monday, 2 March"


async def test_each_at_their_own_hour_and_place(post: Post) -> None:
    await subscribed(post.database, "ada", now=BEFORE, time_zone="America/New_York", hour=7)
    await subscribed(post.database, "ben", now=BEFORE, time_zone="Asia/Tokyo", hour=20)
    await papers(post.database, "2026-03-01", 1)

    assert await post.send("2026-03-02 10:59") == {}
    await post.send("2026-03-02 11:00")
    assert [taken.recipient for taken in post.sink.received] == ["ben@example.org"] or len(
        post.sink.received
    ) == 1
    await post.send("2026-03-02 12:00")
    assert sorted(taken.recipient for taken in post.sink.received) == ["ada@example.org", "ben@example.org"]


async def test_one_refusal_stops_neither_the_others_nor_the_next_day_but_that_subscription(
    post: Post,
) -> None:
    await three(post)
    post.sink.answer = told("ben", "550 5.1.1 nobody here")

    assert await post.send(MONDAY) == {DeliveryState.sent: 2, DeliveryState.failed: 1}
    (failed,) = [one for one in await post.deliveries() if one.state is DeliveryState.failed]
    assert (failed.code, failed.smtp_response, failed.bounce) == (550, "5.1.1 nobody here", Bounce.hard)
    async with post.database.read_session() as session:
        assert (
            await session.scalar(select(Subscription.state).where(Subscription.email == "ben@example.org"))
        ) is SubscriptionState.bounced
    await papers(post.database, "2026-03-02", 4)
    assert await post.send(TUESDAY) == {DeliveryState.sent: 2}


@pytest.mark.parametrize("answer", ["550 5.7.1 spam", "554 5.7.26 unauthenticated"])
async def test_a_refusal_of_what_was_written_keeps_the_subscription_and_the_papers_come_again(
    post: Post, answer: str
) -> None:
    await three(post)
    post.sink.answer = lambda stage, argument: answer if stage == "body" else None
    assert await post.send(MONDAY) == {DeliveryState.failed: 3}
    post.sink.answer = lambda stage, argument: None
    await papers(post.database, "2026-03-02", 4)

    assert await post.send(TUESDAY) == {DeliveryState.sent: 3}
    assert post.papers_of("ada")[-1] == ["2603.00001", "2603.00004", "2603.00002", "2603.00003"] or sorted(
        post.papers_of("ada")[-1]
    ) == ["2603.00001", "2603.00002", "2603.00003", "2603.00004"]


async def test_not_now_is_tried_again_later_as_the_same_message(post: Post) -> None:
    await three(post)
    post.sink.answer = told("ben", "451 4.7.1 greylisted")
    assert await post.send(MONDAY) == {DeliveryState.sent: 2, DeliveryState.deferred: 1}
    await papers(post.database, "2026-03-02", 4)
    post.sink.answer = lambda stage, argument: None

    assert await post.send("2026-03-02 07:00") == {}
    assert await post.send("2026-03-02 07:02") == {DeliveryState.sent: 1}
    assert post.papers_of("ben") == [["2603.00001", "2603.00002", "2603.00003"]]


async def test_what_is_put_off_until_the_next_is_due_has_failed_and_its_papers_come_with_that(
    post: Post,
) -> None:
    await three(post)
    post.sink.answer = told("ben", "452 4.2.2 full")
    await post.send(MONDAY)
    for hour in range(8, 20):
        await post.send(f"2026-03-02 {hour:02}:30")
    assert await post.states() == {"sent": 2, "failed": 1}
    (failed,) = [one for one in await post.deliveries() if one.state is DeliveryState.failed]
    assert failed.bounce is Bounce.soft

    post.sink.answer = lambda stage, argument: None
    await post.send(TUESDAY)
    assert post.papers_of("ben") == [["2603.00001", "2603.00002", "2603.00003"]]


async def test_a_mailbox_that_is_full_five_times_in_a_row_stops_the_subscription(post: Post) -> None:
    await subscribed(post.database, "ada", now=BEFORE)
    post.sink.answer = told("ada", "552 5.2.2 mailbox full")
    for day in range(2, 8):
        await papers(post.database, f"2026-03-{day:02}", day)
        await post.send(f"2026-03-{day:02} 07:00")

    assert await post.states() == {"failed": 5}
    async with post.database.read_session() as session:
        assert await session.scalar(select(Subscription.state)) is SubscriptionState.bounced


async def test_a_connection_lost_after_the_message_leaves_it_in_doubt_and_the_papers_come_again(
    post: Post,
) -> None:
    await three(post)
    post.sink.answer = told("ben", HANG_UP, stage="body")
    assert await post.send(MONDAY) == {DeliveryState.sent: 2, DeliveryState.uncertain: 1}
    post.sink.answer = lambda stage, argument: None
    assert await post.send("2026-03-02 08:00") == {}
    await papers(post.database, "2026-03-03", 4)

    await post.send(TUESDAY)
    assert len(post.papers_of("ben")) == 2
    assert set(post.papers_of("ben")[1]) >= {"2603.00001", "2603.00002", "2603.00003"}
    assert set(post.sink.count_by_message_id().values()) == {1}


async def test_what_was_owed_long_ago_comes_before_what_is_hotter(post: Post) -> None:
    await subscribed(post.database, "ada", now="2026-02-22 12:00", max_papers=6)
    post.sink.answer = told("ada", "550 5.7.1 no")
    await papers(post.database, "2026-02-23", 1, 2)
    await post.send("2026-02-23 07:00")
    for day in (24, 25, 26):
        await papers(post.database, f"2026-02-{day}", day)
        await post.send(f"2026-02-{day} 07:00")
    post.sink.answer = lambda stage, argument: None
    for day in (27, 28):
        await papers(post.database, f"2026-02-{day}", day, day + 10)
        await post.send(f"2026-02-{day} 07:00")
    for day in (1, 2, 3):
        await papers(post.database, f"2026-03-0{day}", 50 + day)
        await post.send(f"2026-03-0{day} 07:00")

    got = [paper for message in post.papers_of("ada") for paper in message]
    assert len(got) == len(set(got))
    assert {f"2603.{n:05}" for n in (1, 2, 24, 25, 26)} <= set(got)


async def test_a_server_that_is_away_costs_no_attempt_of_anybody_and_ends_the_run(post: Post) -> None:
    await three(post)
    post.sink.answer = lambda stage, argument: "554 closed" if stage == "connect" else None
    tally = await post.send(MONDAY)
    assert set(tally) == {DeliveryState.queued}
    post.sink.answer = lambda stage, argument: None
    assert await post.send("2026-03-02 07:01") == {DeliveryState.sent: 3}


async def test_whoever_unsubscribes_between_planning_and_sending_gets_nothing(post: Post) -> None:
    await three(post)
    await scheduler.plan_deliveries(post.database, now=utc(MONDAY))
    async with post.database.write_session() as session:
        ben = await session.scalar(select(Subscription.id).where(Subscription.email == "ben@example.org"))
        await subscriptions.unsubscribe(session, ben, now=utc(MONDAY))

    assert await post.send(MONDAY) == {DeliveryState.sent: 2}
    assert post.papers_of("ben") == []


async def test_those_who_left_dont_keep_a_whole_batch_from_the_others(post: Post) -> None:
    for n in range(6):
        await subscribed(post.database, f"reader{n}", now=BEFORE)
    await papers(post.database, "2026-03-01", 1)
    await scheduler.plan_deliveries(post.database, now=utc(MONDAY))
    async with post.database.write_session() as session:
        first = select(Subscription.id).order_by(Subscription.id).limit(post.rules.batch_size)
        await session.execute(
            update(Subscription).where(Subscription.id.in_(first)).values(state=SubscriptionState.bounced)
        )

    assert await post.send(MONDAY) == {DeliveryState.sent: 2}
    assert await post.states() == {"sent": 2}


async def test_an_unsubscription_counts_even_for_a_delivery_that_is_claimed_already(post: Post) -> None:
    await three(post)
    await scheduler.plan_deliveries(post.database, now=utc(MONDAY))
    async with post.database.write_session() as session:
        sender = await claims.register_sender(session)
        claimed = await claimed_by(session, sender)
    async with post.database.write_session() as session:
        await session.execute(update(Subscription).values(state=SubscriptionState.unsubscribed))
    async with open_delivery_log(post.database.url, sender) as marks:
        assert not await (await marks.request_start(claimed[0].id))


@pytest.mark.parametrize(("announced", "started", "crashed", "state"), [
    (False, False, False, DeliveryState.queued), (True, False, False, DeliveryState.queued),
    (True, True, False, DeliveryState.uncertain), (False, False, True, DeliveryState.queued),
    (True, False, True, DeliveryState.uncertain), (True, True, True, DeliveryState.uncertain),
])  # fmt: skip
async def test_what_a_dead_sender_had_is_sent_by_another_or_in_doubt(
    post: Post, announced: bool, started: bool, crashed: bool, state: DeliveryState
) -> None:
    """In doubt: what it had begun; what it may have begun, when a crash of the database took its marks."""
    await subscribed(post.database, "ada", now=BEFORE)
    await papers(post.database, "2026-03-01", 1)
    await scheduler.plan_deliveries(post.database, now=utc(MONDAY))
    async with post.database.write_session() as session:
        sender = await claims.register_sender(session)
        (claimed,) = await claimed_by(session, sender)
    if announced:
        async with aclosing(StartLedger(post.database.url, sender)) as ledger:
            assert await ledger.announce([claimed.id])
    async with open_delivery_log(post.database.url, sender) as marks:
        if started:
            assert await (await marks.request_start(claimed.id))
    if crashed:
        async with post.database.write_session() as session:
            await session.execute(delete(Sender))  # as an unlogged table is emptied

    lease = timedelta(0) if not crashed else timedelta(minutes=1)
    await asyncio.sleep(0.01)
    await claims.recover_abandoned(post.database, lease=lease, now=utc(MONDAY))
    (found,) = await post.deliveries()
    words = claims.NOT_BEGUN if state is DeliveryState.queued else claims.MAY_HAVE_BEEN_SENT
    assert (found.state, found.smtp_response) == (state, words)


async def test_a_sender_that_lives_keeps_what_it_has(post: Post) -> None:
    await subscribed(post.database, "ada", now=BEFORE)
    await papers(post.database, "2026-03-01", 1)
    await scheduler.plan_deliveries(post.database, now=utc(MONDAY))
    async with post.database.write_session() as session:
        sender = await claims.register_sender(session)
        await claimed_by(session, sender)
    assert await claims.recover_abandoned(post.database, lease=timedelta(minutes=1), now=utc(MONDAY)) == 0
    assert await post.send(MONDAY) == {}
    async with post.database.write_session() as session:
        await claims.unregister_sender(session, sender)
    assert await post.send(MONDAY) == {DeliveryState.sent: 1}


async def test_a_sender_that_others_thought_dead_begins_nothing_more_but_its_outcome_still_counts(
    post: Post,
) -> None:
    await three(post)
    await scheduler.plan_deliveries(post.database, now=utc(MONDAY))
    async with post.database.write_session() as session:
        sender = await claims.register_sender(session)
        one, other, *_ = await claimed_by(session, sender)
    async with open_delivery_log(post.database.url, sender) as marks:
        assert await (await marks.request_start(one.id))
        await asyncio.sleep(0.01)
        await claims.recover_abandoned(post.database, lease=timedelta(0), now=utc(MONDAY))
        assert not await (await marks.request_start(other.id))
        marks.record(
            DeliveryOutcome(one.id, DeliveryEvent.accepted, utc(MONDAY), utc(MONDAY), None, "250 taken")
        )
    async with post.database.write_session() as session:
        assert not await claims.heartbeat(session, sender)
        assert await claims.lock_due(session, sender, limit=10, now=utc(MONDAY)) is None
    assert await post.states() == {"sent": 1, "queued": 2}


async def test_after_a_crash_of_the_database_a_sender_gives_nothing_back(post: Post) -> None:
    await subscribed(post.database, "ada", now=BEFORE)
    await scheduler.plan_deliveries(post.database, now=utc(MONDAY))
    async with post.database.write_session() as session:
        sender = await claims.register_sender(session)
        await claimed_by(session, sender)
        await session.execute(delete(Sender))
    async with post.database.write_session() as session:
        await claims.unregister_sender(session, sender)
    assert await post.states() == {"sending": 1}


async def test_two_senders_at_once_share_the_work(post: Post) -> None:
    for n in range(40):
        await subscribed(post.database, f"reader{n}", now=BEFORE)
    await papers(post.database, "2026-03-01", 1)
    tallies = await asyncio.gather(*(post.send(MONDAY) for _ in range(3)))
    assert sum(tally[DeliveryState.sent] for tally in tallies) == 40
    assert len(post.sink.count_by_message_id()) == 40
    assert set(post.sink.count_by_message_id().values()) == {1}


async def test_told_to_stop_a_sender_finishes_what_is_under_way_and_gives_the_rest_back(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(30):
        await subscribed(post.database, f"reader{n}", now=BEFORE)
    await papers(post.database, "2026-03-01", 1)
    monkeypatch.setattr(delivery, "SHUTDOWN_TIMEOUT", 60)
    work = asyncio.create_task(post.send(MONDAY))
    post.sink.on_received = lambda _: work.cancel() if len(post.sink.received) == 5 else None
    with pytest.raises(asyncio.CancelledError):
        await work

    states = await post.states()
    assert states["sent"] == len(post.sink.received) < 30
    assert states["sent"] + states["queued"] == 30
    post.sink.on_received = None
    await post.send("2026-03-02 07:01")
    assert len(post.sink.count_by_message_id()) == 30


async def test_the_pace_holds_for_all_senders(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    await three(post)
    turns = []

    class Counted:
        is_open = False

        async def acquire(self) -> None:
            turns.append(1)

    await delivery.send_due_digests(post.desk(utc(MONDAY), throttle=Counted()))
    assert len(turns) == 3


def test_the_wait_grows_and_has_some_jitter() -> None:
    minutes = [compute_retry_delay(n, jitter=lambda: 0) / timedelta(minutes=1) for n in range(1, 7)]
    assert minutes == [1, 5, 30, 60, 60, 60]
    assert compute_retry_delay(1, jitter=lambda: 1) == timedelta(seconds=90)


async def test_the_marks_that_bounces_are_known_by_stand_in_the_message(post: Post) -> None:
    await subscribed(post.database, "ada", now=BEFORE)
    await papers(post.database, "2026-03-01", 1)
    await post.send(MONDAY)
    (taken,) = post.sink.received
    (delivery,) = await post.deliveries()

    async with post.database.read_session() as session:
        nonce = (await session.scalars(select(Subscription.nonce))).one()
    for mark in (taken.sender, taken.message["Message-ID"]):
        assert LINKS.find_delivery(mark) == ("message", delivery.id, nonce)
    assert taken.sender.startswith("bounces+")
    assert len(taken.sender.partition("@")[0]) <= 64
