"""Each task of mail opens its door: the work stands in the tables, the outbox gets what is sent."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from paperround import queue
from paperround.database import Database, utc_now
from paperround.digests import subscriptions
from paperround.digests.subscriptions import SubscriptionPreferences
from paperround.digests.tables import Subscription, SubscriptionState, WhenEmpty
from paperround.mail import Outbox, open_outbox
from paperround.settings import Settings

from support.jobs import run_waiting_jobs

ADA = "ada@example.org"


@pytest.fixture
def here(settings: Settings, tmp_path: Path) -> Settings:
    return settings.model_copy(update={"data_dir": tmp_path})


async def ask(database: Database) -> None:
    async with database.write_session() as session:
        await subscriptions.request(
            session, ADA, SubscriptionPreferences(when_empty=WhenEmpty.note), now=utc_now()
        )


async def work(here: Settings, database: Database) -> Outbox:
    """Do every job that is queued; where mail goes."""
    await run_waiting_jobs(database, here)
    return open_outbox(here)


async def test_asking_has_the_letter_sent(here: Settings, database: Database) -> None:
    await ask(database)
    (stored,) = (await work(here, database)).list_newest(10)
    assert stored.message["To"] == ADA
    assert stored.message["Subject"].startswith("One step left")


async def test_a_digest_that_is_due_is_sent(here: Settings, database: Database) -> None:
    await ask(database)
    hour = utc_now().replace(minute=0, second=0, microsecond=0)
    async with database.write_session() as session:
        due = update(Subscription).values(
            state=SubscriptionState.active, letter_due_at=None, next_due_at=hour, hour=hour.hour
        )
        await session.execute(due)
        await queue.defer(session, "send_digests")
    (stored,) = (await work(here, database)).list_newest(10)
    assert stored.message["To"] == ADA
    assert stored.message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


async def test_an_address_that_nobody_confirmed_is_forgotten(here: Settings, database: Database) -> None:
    await ask(database)
    async with database.write_session() as session:
        old = update(Subscription).values(asked_at=utc_now() - timedelta(days=31), letter_due_at=None)
        await session.execute(old)
        await queue.defer(session, "tidy_mail")
    await work(here, database)
    async with database.read_session() as session:
        assert (await session.scalars(select(Subscription))).all() == []
