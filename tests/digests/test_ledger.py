"""The ledger: planned is always what became of all deliveries; what is kept, and for how long."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select, update

from paperround.digests import ledger, retention
from paperround.digests.tables import Delivery, Progress, State, Subscription

from .conftest import papers, subscribed
from support.factories import at
from support.mail_sink import HANG_UP

MONDAY = "2026-03-02 07:00"
ANSWERS = {"ben": "550 5.7.1 no", "cyn": "451 later", "dee": HANG_UP}


async def four(post) -> None:
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


async def counted(post, now: str = MONDAY):
    async with post.database.reading() as session:
        return await ledger.ledger(session, now=at(now))


async def test_planned_is_sent_deferred_failed_uncertain_and_still_due(post):
    await four(post)
    found = await counted(post)
    counts = found.counts

    assert {state.value: number for state, number in counts.items() if number} == {
        "sent": 1, "failed": 1, "deferred": 1, "uncertain": 1,
    }  # fmt: skip
    assert (
        found.planned
        == 4
        == sum(counts[Progress(state)] for state in ("sent", "deferred", "failed", "uncertain")) + found.due
    )
    assert found.sent_lately == 1


async def test_an_uncertain_one_is_sent_again_only_by_hand(post):
    await four(post)
    post.sink.answer = lambda stage, argument: None
    async with post.database.writing() as session:
        assert await ledger.resend(session, now=at("2026-03-02 09:00")) == 1
    tally = await post.send("2026-03-02 09:00")
    assert tally[Progress.sent] == 2  # the deferred one too
    assert len(post.papers_of("dee")) == 2  # this time the person decided


async def test_after_90_days_only_the_papers_of_what_was_sent_are_kept(post):
    await four(post)
    await retention.tidy(post.database, now=at(MONDAY) + timedelta(days=89))
    assert len(await post.deliveries()) == 4
    await retention.tidy(post.database, now=at(MONDAY) + timedelta(days=91))
    kept = await post.deliveries()
    sent = next(one for one in kept if one.state is Progress.sent)
    assert {one.state for one in kept} <= {Progress.sent, Progress.deferred}
    assert sent.papers == ["2603.00001", "2603.00002"]
    assert sent.words is None


async def test_an_address_that_nobody_confirmed_is_forgotten(post):
    await subscribed(post.database, "ada", now="2026-03-01 12:00")
    await subscribed(post.database, "ben", now="2026-03-01 12:00")
    async with post.database.writing() as session:
        waiting = Subscription.email == "ben@example.org"
        await session.execute(update(Subscription).where(waiting).values(state=State.pending))
    await retention.tidy(post.database, now=at("2026-04-01 12:00"))
    async with post.database.reading() as session:
        assert list(await session.scalars(select(Subscription.email))) == ["ada@example.org"]


async def test_deliveries_go_with_their_subscription(post):
    await four(post)
    async with post.database.writing() as session:
        ada = (
            await session.scalars(select(Subscription).where(Subscription.email == "ada@example.org"))
        ).one()
        await session.delete(ada)
    async with post.database.reading() as session:
        assert len((await session.scalars(select(Delivery))).all()) == 3
