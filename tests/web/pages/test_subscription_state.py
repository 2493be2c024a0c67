"""What can be done once a subscription runs, and pages that know whether it does."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from sqlalchemy import select

from paperround.database import Database
from paperround.digests import scheduler, subscriptions
from paperround.digests.links import DigestLinks
from paperround.digests.tables import Cadence, Delivery, DeliveryState, Subscription, SubscriptionState
from paperround.settings import Settings
from paperround.tokens import load_signer

from support.factories import utc
from support.pages import Page, opened
from support.people import sign_in_browser
from support.subscriptions import subscribed

NOW = "2026-03-10 05:00"  # two hours before the day's digest is due


@pytest.fixture
async def client(database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with opened(database_url, now=NOW) as found:
        yield found


async def paths(database: Database, number: int) -> tuple[str, str]:
    """The pages of preferences and of unsubscribing, which stand in mails."""
    settings = Settings(_env_file=None)
    links = DigestLinks.from_settings(settings, await load_signer(database, settings))
    async with database.read_session() as session:
        target = (await session.get_one(Subscription, number)).link_target
    preferences, unsubscribe = links.preferences(target), links.unsubscribe(target)
    return preferences.removeprefix(links.site), unsubscribe.removeprefix(links.site)


async def deliveries(database: Database) -> list[Delivery]:
    async with database.read_session() as session:
        return list(await session.scalars(select(Delivery)))


async def test_who_is_subscribed_sees_when_papers_come_and_what_to_do_until_then(
    client: httpx.AsyncClient, database: Database
) -> None:
    await subscribed(database, "ada", now=NOW)
    assert "Your address" in Page(await client.get("/subscribe")).text
    await sign_in_browser(client, database, now=utc(NOW))
    answer = await client.get("/subscribe")
    page = Page(answer)

    assert "You already get papers" in page.text
    assert "on Tuesday, 10 March, at 07:00" in page.text
    assert "device" not in page.text
    assert "Send me today’s now" in page.text
    for link in ('href="/papers"', 'href="/topics/new"', 'href="/preferences/'):
        assert link in answer.text


async def test_todays_digest_comes_at_once_and_not_again_at_its_hour(
    client: httpx.AsyncClient, database: Database
) -> None:
    number = await subscribed(database, "ada", now=NOW)
    preferences, _ = await paths(database, number)
    form = Page(await client.get(preferences))
    assert "Send me today" in form.text
    assert await deliveries(database) == []

    first = Page(await client.post(f"{preferences}/now"))
    again = Page(await client.post(f"{preferences}/now"))
    await scheduler.plan_deliveries(database, now=utc("2026-03-10 07:00"))

    assert "on its way" in first.text
    assert "has already been sent" in again.text
    (made,) = await deliveries(database)
    assert (made.state, str(made.period), made.next_try_at) == (
        DeliveryState.queued, "2026-03-10", utc(NOW),
    )  # fmt: skip
    assert made.gives_up_at == utc("2026-03-10 17:00")
    await scheduler.plan_deliveries(database, now=utc("2026-03-11 07:00"))
    assert len(await deliveries(database)) == 2


@pytest.mark.parametrize(
    ("now", "cadence", "gives_up"),
    [
        ("2026-03-09 23:30", Cadence.daily, "2026-03-10 07:00"),  # the next day's is due
        ("2026-03-10 06:59", Cadence.daily, "2026-03-10 18:59"),
        ("2026-03-10 23:30", Cadence.weekly, "2026-03-11 11:30"),
    ],
)
async def test_a_digest_sent_now_is_given_up_before_another_one_begins(
    database: Database, now: str, cadence: Cadence, gives_up: str
) -> None:
    number = await subscribed(database, "ada", now="2026-03-09 12:00", cadence=cadence)
    async with database.write_session() as session:
        subscription = await subscriptions.lock_subscription(session, number)
        assert await scheduler.plan_now(session, subscription, now=utc(now))
    (made,) = await deliveries(database)
    assert made.gives_up_at == utc(gives_up)


async def test_nothing_is_sent_now_to_who_is_paused_or_gone(
    client: httpx.AsyncClient, database: Database
) -> None:
    number = await subscribed(database, "ada", now=NOW)
    preferences, _ = await paths(database, number)
    async with database.write_session() as session:
        await subscriptions.pause(session, number, until=None, now=utc(NOW))
    assert "Send me today" not in (await client.get(preferences)).text
    assert (await client.post(f"{preferences}/now")).status_code == 409
    assert await deliveries(database) == []


@pytest.mark.parametrize(
    ("state", "told", "has_button"),
    [
        (SubscriptionState.active, "stop receiving digests immediately", True),
        (SubscriptionState.paused, "Digests are paused", True),
        (SubscriptionState.pending, "never confirmed", True),
        (SubscriptionState.unsubscribed, "ended on 10 Mar 2026", False),
        (SubscriptionState.bounced, "Digests bounced", False),
        (None, "has been deleted", False),
    ],
)
async def test_the_one_click_page_knows_whether_anything_is_sent(
    client: httpx.AsyncClient,
    database: Database,
    state: SubscriptionState | None,
    told: str,
    has_button: bool,
) -> None:
    number = await subscribed(database, "ada", now=NOW)
    _, unsubscribe = await paths(database, number)
    async with database.write_session() as session:
        found = await subscriptions.lock_subscription(session, number)
        if state is None:
            await session.delete(found)
        else:
            found.state = state
    answer = await client.get(unsubscribe)
    page = Page(answer)

    assert told in page.text
    assert ('<button class="button">Unsubscribe' in answer.text) is has_button
    assert "ada@example.org" not in page.text, "a link to unsubscribe may be passed on"
