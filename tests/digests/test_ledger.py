"""The ledger: planned is always what became of all deliveries; what is kept, and for how long."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select, update

from digests.conftest import Post
from paperround.digests import ledger, retention
from paperround.digests.tables import Delivery, DeliveryState, Subscription, SubscriptionState

from .conftest import papers
from support.factories import utc
from support.mail_sink import HANG_UP
from support.subscriptions import subscribed

MONDAY = "2026-03-02 07:00"
ANSWERS = {"ben": "550 5.7.1 no", "cyn": "451 later", "dee": HANG_UP}


async def four(post: Any) -> None:
    """One sent, one failed, one deferred, one uncertain, one not yet due."""
    for name in ("ada", "ben", "cyn", "dee"):
        await subscribed(post.database, name, now="2026-03-01 12:00")
    await papers(post.database, "2026-03-01", 1, 2)
    recipient = [""]

    def answer(stage: str, argument: str) -> str | None:
        if stage == "RCPT":
            recipient[0] = argument
        return next((say for name, say in ANSWERS.items() if stage == "body" and name in argument), None)

    post.sink.answer = answer
    await post.send(MONDAY)


async def counted(post: Any, now: str = MONDAY) -> Any:
    async with post.database.read_session() as session:
        return await ledger.count_deliveries(session, now=utc(now))


async def test_planned_is_sent_deferred_failed_uncertain_and_still_due(post: Post) -> None:
    await four(post)
    found = await counted(post)
    counts = found.counts

    assert {state.value: number for state, number in counts.items() if number} == {
        "sent": 1, "failed": 1, "deferred": 1, "uncertain": 1,
    }  # fmt: skip
    assert (
        found.planned
        == 4
        == sum(counts[DeliveryState(state)] for state in ("sent", "deferred", "failed", "uncertain"))
        + found.due
    )
    assert found.sent_last_minute == 1


async def test_an_uncertain_one_is_sent_again_only_by_hand(post: Post) -> None:
    await four(post)
    post.sink.answer = lambda stage, argument: None
    async with post.database.write_session() as session:
        assert await ledger.resend(session, now=utc("2026-03-02 09:00")) == 1
    tally = await post.send("2026-03-02 09:00")
    assert tally[DeliveryState.sent] == 2  # the deferred one too
    assert len(post.papers_of("dee")) == 2  # this time the person decided


async def test_after_90_days_only_the_papers_of_what_was_sent_are_kept(post: Post) -> None:
    await four(post)
    await retention.delete_expired(post.database, now=utc(MONDAY) + timedelta(days=89))
    assert len(await post.deliveries()) == 4
    await retention.delete_expired(post.database, now=utc(MONDAY) + timedelta(days=91))
    kept = await post.deliveries()
    sent = next(one for one in kept if one.state is DeliveryState.sent)
    assert {one.state for one in kept} <= {DeliveryState.sent, DeliveryState.deferred}
    assert sent.papers == ["2603.00001", "2603.00002"]
    assert sent.smtp_response is None


async def test_an_address_that_nobody_confirmed_is_forgotten(post: Post) -> None:
    await subscribed(post.database, "ada", now="2026-03-01 12:00")
    await subscribed(post.database, "ben", now="2026-03-01 12:00")
    async with post.database.write_session() as session:
        waiting = Subscription.email == "ben@example.org"
        await session.execute(update(Subscription).where(waiting).values(state=SubscriptionState.pending))
    await retention.delete_expired(post.database, now=utc("2026-04-01 12:00"))
    async with post.database.read_session() as session:
        assert list(await session.scalars(select(Subscription.email))) == ["ada@example.org"]


async def test_deliveries_go_with_their_subscription(post: Post) -> None:
    await four(post)
    async with post.database.write_session() as session:
        ada = (
            await session.scalars(select(Subscription).where(Subscription.email == "ada@example.org"))
        ).one()
        await session.delete(ada)
    async with post.database.read_session() as session:
        assert len((await session.scalars(select(Delivery))).all()) == 3
