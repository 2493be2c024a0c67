"""What a mail's link opens: what it was made for, for whoever has the address, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from sqlalchemy import delete, select, update

from paperround.accounts.tables import Reader, ReaderSession, SignInLink
from paperround.database import Database
from paperround.digests import subscriptions
from paperround.digests.links import DeliveryLinks, DigestLinks
from paperround.digests.tables import Delivery, DeliveryState, Subscription, SubscriptionState
from paperround.library.tables import SavedPaper
from paperround.papers import votes
from paperround.papers.tables import Paper
from paperround.settings import Settings
from paperround.tokens import generate_token, hash_token, load_signer

from support.factories import HALF_LIFE, feed_record, store_listing, utc
from support.pages import Page, opened
from support.people import add_person
from support.subscriptions import subscribed

NOW = "2026-03-10 12:00"
PAPER = "2603.00001"
SITE = "http://127.0.0.1:8000"


@pytest.fixture
async def client(database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with opened(database_url, now=NOW) as found:
        yield found


async def load(database: Database) -> Subscription:
    async with database.read_session() as session:
        return (await session.scalars(select(Subscription))).one()


async def deliver(database: Database) -> DeliveryLinks:
    """Have a digest sent to Ada. Returns the paths of the links in it."""
    await store_listing(database, "2026-03-10", feed_record(PAPER))
    await subscribed(database, "ada", now=NOW)
    return await links_of(database, await add_delivery(database))


async def add_delivery(database: Database) -> int:
    subscription = await load(database)
    async with database.write_session() as session:
        delivery = Delivery(
            id=41,
            subscription_id=subscription.id,
            period=utc(NOW).date(),
            since=utc(NOW).date(),
            state=DeliveryState.sent,
            due_at=utc(NOW),
            next_try_at=utc(NOW),
            gives_up_at=utc(NOW),
            papers=[PAPER],
        )
        session.add(delivery)
        await session.flush()
        return delivery.id


async def move(database: Database) -> None:
    reader = await add_person(database, "ada@example.org", now=utc(NOW))
    async with database.write_session() as session:
        await subscriptions.move_to_address(session, reader.id, "ada@example.org", "ada@example.net")


async def links_of(database: Database, delivery_id: int) -> DeliveryLinks:
    settings = Settings(_env_file=None)
    links = DigestLinks.from_settings(settings, await load_signer(database, settings))
    made = links.for_delivery(delivery_id, (await load(database)).link_target)
    return DeliveryLinks(*(link.removeprefix(SITE) for link in made))


async def statuses(client: httpx.AsyncClient, links: DeliveryLinks) -> list[int]:
    rate = f"{links.rate}?paper={PAPER}&value=1"
    save = f"{links.save}?paper={PAPER}"
    return [(await client.get(link)).status_code for link in (links.preferences, links.digest, rate, save)]


async def test_after_a_restored_backup_old_links_show_nothing_of_who_has_the_number_now(
    client: httpx.AsyncClient, database: Database
) -> None:
    old = await deliver(database)
    number = (await load(database)).id
    async with database.write_session() as session:
        await session.delete(await session.get_one(Subscription, number))
    ben = await subscribed(database, "ben", now=NOW)
    async with database.write_session() as session:
        await session.execute(update(Subscription).where(Subscription.id == ben).values(id=number))
    await add_delivery(database)

    assert await statuses(client, old) == [404, 404, 404, 404]
    for change in ("", "/pause", "/delete"):
        answer = await client.post(f"{old.preferences}{change}", data={"cadence": "weekly"})
        assert answer.status_code == 404
        assert "ben@" not in answer.text
    assert (await client.post(old.unsubscribe)).status_code == 200, "what it was made for is gone"
    found = await load(database)
    assert (found.email, found.state) == ("ben@example.org", SubscriptionState.active)
    assert (await client.get((await links_of(database, 41)).digest)).status_code == 200


async def test_mail_to_an_address_that_changed_only_unsubscribes(
    client: httpx.AsyncClient, database: Database
) -> None:
    old = await deliver(database)
    await move(database)

    assert await statuses(client, old) == [404, 404, 404, 404]
    refused = await client.get(old.preferences)
    assert "its address has changed" in Page(refused).text
    assert "ada@example.net" not in refused.text
    assert (await client.post(old.preferences, data={"cadence": "weekly"})).status_code == 404
    new = await links_of(database, 41)
    assert (await client.get(new.preferences)).status_code == 200
    assert (await client.post(old.unsubscribe)).status_code == 200
    assert (await load(database)).state is SubscriptionState.unsubscribed


async def test_links_that_are_older_than_nonces_work_for_the_subscriptions_that_are_too(
    client: httpx.AsyncClient, database: Database
) -> None:
    links = await deliver(database)
    async with database.write_session() as session:
        await session.execute(update(Subscription).values(nonce="", address_nonce=""))
    old = await links_of(database, 41)

    assert "-" not in old.preferences
    assert (await client.get(old.preferences)).status_code == 200
    assert (await client.get(links.preferences)).status_code == 404
    await move(database)
    assert (await client.get(old.preferences)).status_code == 404
    assert (await client.post(old.unsubscribe)).status_code == 200
    assert (await load(database)).state is SubscriptionState.unsubscribed


async def test_save_for_later_leads_to_a_button_that_saves(
    client: httpx.AsyncClient, database: Database
) -> None:
    """Who gets digests alone has a reading list from then on; it is opened by signing in."""
    links = await deliver(database)
    address = f"{links.save}?paper={PAPER}"
    for _ in range(2):  # a scanner follows links
        page = Page(await client.get(address))
    assert "Save for later" in page.text
    assert "reading list of ada@example.org, and creates an account with that address." in page.text
    async with database.read_session() as session:
        assert (await session.scalars(select(SavedPaper))).all() == []
        assert (await session.scalars(select(Reader))).all() == []

    for _ in range(2):
        saved = Page(await client.post(links.save, data={"paper": PAPER}))
        assert "It is on the reading list of ada@example.org." in saved.text
    async with database.read_session() as session:
        (reader,) = await session.scalars(select(Reader))
        assert [(row.reader_id, row.paper_id) for row in await session.scalars(select(SavedPaper))] == [
            (reader.id, PAPER)
        ]
    assert (reader.email, (await load(database)).reader_id) == ("ada@example.org", reader.id)
    assert "It is on the reading list" in Page(await client.get(address)).text
    assert (await client.get("/saved")).status_code == 303, "the link signs nobody in"

    await store_listing(database, "2026-03-10", feed_record("2603.00002"))
    for other in ("2603.00002", "2603.99999"):
        assert (await client.get(f"{links.save}?paper={other}")).status_code == 404, "it was in no digest"
        assert (await client.post(links.save, data={"paper": other})).status_code == 404
    swapped = await client.post(links.rate.replace("/rate/", "/save/"), data={"paper": PAPER})
    assert swapped.status_code == 404, "a token is good for one thing"


async def test_whoever_confirms_sees_what_they_subscribe_to(
    client: httpx.AsyncClient, database: Database
) -> None:
    """Somebody else may have filled the form in."""
    chosen = {
        "cadence": "weekly",
        "weekday": "4",
        "hour": "18",
        "time_zone": "Asia/Tokyo",
        "contents": "topics",
    }
    words = {"email": "ada@example.org", "words": "<b>how</b> models plan"}
    await client.post("/subscribe", data=chosen | words)
    settings = Settings(_env_file=None)
    links = DigestLinks.from_settings(settings, await load_signer(database, settings))
    target = (await load(database)).link_target
    answer = await client.get(links.confirm(target).removeprefix(SITE))

    for shown in (
        "ada@example.org",
        "Every Friday at 18:00 in Tokyo (UTC+9)",
        "Papers that match your topics",
    ):
        assert shown in Page(answer).text
    assert "&lt;b&gt;how&lt;/b&gt; models plan" in answer.text
    assert (await load(database)).state is SubscriptionState.pending


async def test_the_link_to_the_preferences_deletes_nothing_but_has_a_link_mailed(
    client: httpx.AsyncClient, database: Database
) -> None:
    """A digest is passed on with its links. What they open can end the digests, and no more."""
    links = await deliver(database)
    reader = await add_person(database, "ada@example.org", now=utc(NOW))
    async with database.write_session() as session:
        await session.execute(delete(ReaderSession))
        await votes.add_upvote(session, reader.id, PAPER, now=utc(NOW), half_life=HALF_LIFE)
    page = Page(await client.get(links.preferences))
    forms = [a["action"] or "" for tag, a in page.elements if tag == "form" and a.get("action")]
    for form in forms:
        await client.post(form, data={"cadence": "weekly"})

    assert f"{links.preferences}/delete" in forms
    assert "Unsubscribe" in page.text
    async with database.read_session() as session:
        assert (await session.scalars(select(Reader.email))).all() == ["ada@example.org"]
        assert (await session.scalars(select(Paper.local_upvotes))).all() == [1]
        (link,) = (await session.scalars(select(SignInLink))).all()
    assert (link.email, link.next) == ("ada@example.org", "/settings/leave")
    assert (await load(database)).state is SubscriptionState.unsubscribed


async def test_the_mailed_link_leads_to_deleting_everything(
    client: httpx.AsyncClient, database: Database
) -> None:
    links = await deliver(database)
    await client.post(f"{links.preferences}/delete")
    token = generate_token()
    async with database.write_session() as session:
        await session.execute(update(SignInLink).values(token_hash=hash_token(token)))
    signed_in = await client.post(f"/sign-in/{token}")
    page = Page(await client.get(signed_in.headers["Location"]))
    form = {a["name"]: a.get("value") for tag, a in page.elements if tag == "input" and a.get("name")}
    left = Page(await client.post("/settings/leave", data=form | {"confirm": "ada@example.org"}))

    assert "Your account is deleted" in left.text
    async with database.read_session() as session:
        for table in (Subscription, Reader, Delivery, SignInLink):
            assert (await session.scalars(select(table))).all() == []
