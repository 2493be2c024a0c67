"""After a crash of the database only what a sender may have begun is in doubt."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import delete, func, select, update

from paperround.digests import claims
from paperround.digests.delivery import MAX_ANNOUNCED
from paperround.digests.start_ledger import StartLedger
from paperround.digests.tables import Delivery, DeliveryState, Sender, SenderProgress

from .conftest import Post, papers
from support.factories import utc
from support.mail_sink import SILENCE
from support.subscriptions import subscribed

MONDAY, BEFORE = "2026-03-02 07:00", "2026-03-01 12:00"
READERS, CONNECTIONS = 70, 4


async def crash_while_sending(post: Post) -> None:
    """Stop the database, as far as its tables tell, when a message is on its way and many are claimed."""
    for number in range(READERS):
        await subscribed(post.database, f"reader{number}", now=BEFORE)
    await papers(post.database, "2026-03-01", 1)
    post.rules = replace(post.rules, batch_size=50)
    taken = asyncio.Event()
    post.sink.on_received = lambda _: taken.set()
    post.sink.answer = lambda stage, _: SILENCE if stage == "body" else None
    sending = asyncio.create_task(post.send(MONDAY))
    await asyncio.wait_for(taken.wait(), 60)
    await wait_until_claimed(post, 50)
    async with post.database.write_session() as session:
        await session.execute(delete(Sender))  # as an unlogged table is emptied
        await session.execute(update(Delivery).values(started_at=None))  # as marks that were not on the disk
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)


async def wait_until_claimed(post: Post, number: int) -> None:
    for _ in range(600):
        async with post.database.read_session() as session:
            claimed = select(func.count()).where(Delivery.state == DeliveryState.sending)
            if (await session.scalar(claimed) or 0) >= number:
                return
        await asyncio.sleep(0.05)


async def test_what_was_claimed_and_not_begun_goes_back_into_the_queue(post: Post) -> None:
    await crash_while_sending(post)
    in_doubt = await claims.recover_abandoned(post.database, lease=timedelta(minutes=1), now=utc(MONDAY))
    assert len(post.sink.received) <= in_doubt <= 2 * MAX_ANNOUNCED + CONNECTIONS
    assert await post.states() == {"uncertain": in_doubt, "queued": READERS - in_doubt}
    words = {one.state: one.smtp_response for one in await post.deliveries() if one.smtp_response}
    assert words[DeliveryState.uncertain].startswith("It may have been sent")
    assert words[DeliveryState.queued].startswith("It had not begun")
    async with post.database.read_session() as session:
        assert (await session.scalars(select(SenderProgress))).all() == []


async def test_all_is_in_doubt_that_a_sender_without_a_ledger_had(post: Post) -> None:
    """As senders of the release before."""
    await crash_while_sending(post)
    async with post.database.write_session() as session:
        await session.execute(delete(SenderProgress))
    in_doubt = await claims.recover_abandoned(post.database, lease=timedelta(minutes=1), now=utc(MONDAY))
    assert in_doubt >= 50


async def test_what_has_an_outcome_leaves_the_ledger_with_the_next_announcement(post: Post) -> None:
    async with post.database.write_session() as session:
        sender = await claims.register_sender(session)
    async with aclosing(StartLedger(post.database.url, sender)) as ledger:
        await ledger.announce([1, 2, 3])
        ledger.finish([1, 3])
        assert await ledger.announce([4])
        async with post.database.write_session() as session:
            progress = (await session.scalars(select(SenderProgress))).one()
            assert progress.may_have_begun == [2, 4]
            await session.delete(progress)
        assert not await ledger.announce([5])


async def test_a_sender_that_is_done_leaves_nothing(post: Post) -> None:
    await subscribed(post.database, "ada", now=BEFORE)
    await papers(post.database, "2026-03-01", 1)
    assert await post.send(MONDAY) == {DeliveryState.sent: 1}
    async with post.database.read_session() as session:
        assert (await session.scalars(select(SenderProgress))).all() == []
