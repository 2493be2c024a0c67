"""Subscribing as a reader meets it: the box, the letter, the button, preferences, unsubscribing."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from paperround.database import Database
from paperround.digests import confirmation
from paperround.digests import delivery as digests_delivery
from paperround.digests.delivery import SendingContext
from paperround.digests.links import DigestLinks
from paperround.digests.mail_carrier import MailCarrier
from paperround.digests.renderer import DigestRenderer
from paperround.digests.tables import Cadence, Delivery, DeliveryState, Subscription, SubscriptionState
from paperround.mail import Outbox
from paperround.settings import Settings
from paperround.throttle import Throttle
from paperround.tokens import load_signer
from paperround.topics.tables import Rating, Topic

from support.factories import feed_record, store_listing, utc
from support.pages import Page, opened
from support.people import sign_in_browser

NOW = "2026-03-10 12:00"
SEVEN = "2026-03-11 07:00"


class Mail:
    """What is sent goes to an outbox, at once."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database, self.box = database, Outbox(folder)

    async def links(self) -> DigestLinks:
        settings = Settings(_env_file=None)
        return DigestLinks.from_settings(settings, await load_signer(self.database, settings))

    async def letters(self) -> list[Any]:
        await confirmation.send_due_confirmations(
            self.database, self.box, await self.links(), "Paperround", now=utc(NOW)
        )
        return [stored.message for stored in self.box.list_newest(10)]

    async def digests(self, now: str = SEVEN) -> list[Any]:
        writer = DigestRenderer(await self.links(), "Paperround")
        desk = SendingContext(
            self.database,
            MailCarrier(self.box, writer),
            Throttle(self.database, "mail", 0),
            clock=lambda: utc(now),
        )
        await digests_delivery.send_due_digests(desk)
        return [stored.message for stored in self.box.list_newest(10)]


@pytest.fixture
async def client(database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with opened(database_url, now=NOW) as found:
        yield found


@pytest.fixture
def mail(database: Database, tmp_path: Path) -> Mail:
    return Mail(database, tmp_path / "outbox")


def link_in(message: Any, kind: str) -> str:
    text = message.get_body(("plain",)).get_content()
    found = re.search(rf"http://127\.0\.0\.1:8000(/{kind}/\S+)", text)
    assert found, text
    return found[1]


async def subscription(database: Database) -> Subscription:
    async with database.read_session() as session:
        return (await session.scalars(select(Subscription))).one()


async def confirmed(client: httpx.AsyncClient, mail: Mail, **fields: Any) -> Subscription:
    await client.post("/subscribe", data={"email": "ada@example.org", **fields})
    (letter,) = await mail.letters()
    await client.post(link_in(letter, "confirm"))
    return await subscription(mail.database)


async def test_an_address_alone_is_enough_and_counts_once_its_button_was_pressed(
    client: httpx.AsyncClient, mail: Mail, database: Database
) -> None:
    asked = Page(await client.post("/subscribe", data={"email": " Ada@Example.org "}))
    assert "One step left" in asked.text
    assert (await subscription(database)).state is SubscriptionState.pending

    (letter,) = await mail.letters()
    assert letter["To"] == "ada@example.org"
    link = link_in(letter, "confirm")
    for _ in range(2):  # a scanner follows links
        assert "One step left" in Page(await client.get(link)).text
    assert (await subscription(database)).state is SubscriptionState.pending

    done = Page(await client.post(link, data={"time_zone": "Europe/Berlin"}))
    assert "All set" in done.text
    found = await subscription(database)
    assert (found.state, found.time_zone, found.next_due_at) == (
        SubscriptionState.active, "Europe/Berlin", utc("2026-03-11 06:00"),
    )  # fmt: skip
    assert "All set" in Page(await client.post(link)).text


async def test_the_consent_is_kept_as_it_stood_beside_the_button(
    client: httpx.AsyncClient, mail: Mail, database: Database
) -> None:
    await client.post("/subscribe", data={"email": "ada@example.org"})
    assert (await subscription(database)).consent_wording == ""
    (letter,) = await mail.letters()
    page = Page(await client.get(link_in(letter, "confirm")))
    await client.post(link_in(letter, "confirm"))

    found = await subscription(database)
    assert found.confirmed_at == utc(NOW)
    assert found.consent_wording
    assert found.consent_wording in page.text


async def test_nobody_is_mailed_who_did_not_confirm(
    client: httpx.AsyncClient, mail: Mail, database: Database
) -> None:
    await store_listing(database, "2026-03-10", feed_record())
    await client.post("/subscribe", data={"email": "ada@example.org"})
    await mail.letters()
    (only,) = await mail.digests()
    assert only["Subject"].startswith("One step left")


async def test_the_answer_is_the_same_for_whoever_is_known(
    client: httpx.AsyncClient, mail: Mail, database: Database
) -> None:
    first = await client.post("/subscribe", data={"email": "ada@example.org"})
    (letter,) = await mail.letters()
    await client.post(link_in(letter, "confirm"))
    again = await client.post("/subscribe", data={"email": "ada@example.org"})
    other = await client.post("/subscribe", data={"email": "ben@example.org"})

    assert first.text == again.text == other.text.replace("ben@", "ada@")
    newest = (await mail.letters())[:2]
    assert {message["To"] for message in newest} == {"ada@example.org", "ben@example.org"}
    already = next(message for message in newest if message["To"] == "ada@example.org")
    assert link_in(already, "preferences")


async def test_a_strangers_wishes_change_nothing_of_what_runs(
    client: httpx.AsyncClient, mail: Mail, database: Database
) -> None:
    await confirmed(client, mail)
    await client.post("/subscribe", data={"email": "ada@example.org", "cadence": "weekly", "hour": "3"})
    found = await subscription(database)
    assert (found.cadence, found.hour, found.state) == (Cadence.daily, 7, SubscriptionState.active)


async def test_wishes_count_from_the_form(client: httpx.AsyncClient, mail: Mail) -> None:
    found = await confirmed(
        client,
        mail,
        cadence="weekly",
        weekday="4",
        hour="18",
        time_zone="Asia/Tokyo",
        most="3",
        contents="trending",
    )
    assert (found.cadence, found.weekday, found.hour, found.time_zone) == (
        Cadence.weekly,
        4,
        18,
        "Asia/Tokyo",
    )
    assert (found.max_papers, found.trending, found.topics) == (3, True, False)


async def test_words_become_a_topic_of_the_reader_once_confirmed(
    client: httpx.AsyncClient, mail: Mail, database: Database
) -> None:
    await client.post("/subscribe", data={"email": "ada@example.org", "words": "how models  plan"})
    async with database.read_session() as session:
        assert (await session.scalars(select(Topic))).all() == []
    (letter,) = await mail.letters()
    await client.post(link_in(letter, "confirm"))
    async with database.read_session() as session:
        topic = (await session.scalars(select(Topic))).one()
    assert topic.words == "how models plan"
    assert (await subscription(database)).reader_id == topic.reader_id


async def test_what_is_no_address_is_told(
    subtests: pytest.Subtests,
    client: httpx.AsyncClient,
    mail: Mail,
) -> None:
    cases: list[str] = ["", "ada", "ada@", "ada@example.org\nBcc: eve@example.org", "äda@example.org"]
    for email in cases:
        with subtests.test(email=email):
            answer = await client.post("/subscribe", data={"email": email})
            assert answer.status_code == 400
            assert await mail.letters() == []


async def test_wishes_that_cannot_be_are_refused(
    subtests: pytest.Subtests,
    client: httpx.AsyncClient,
) -> None:
    cases: list[dict[str, str]] = [
        {"hour": "24"},
        {"cadence": "hourly"},
        {"time_zone": "Mars/Olympus"},
        {"most": "0"},
        {"weekday": "7"},
    ]
    for fields in cases:
        with subtests.test(fields=fields):
            answer = await client.post("/subscribe", data={"email": "ada@example.org", **fields})
            assert answer.status_code in (400, 422)


async def test_letters_to_one_address_are_few_and_that_is_not_told(
    client: httpx.AsyncClient, mail: Mail
) -> None:
    answers = [await client.post("/subscribe", data={"email": "ada@example.org"}) for _ in range(6)]
    assert {answer.status_code for answer in answers} == {200}
    sent = 0
    for _ in range(3):
        sent = len(await mail.letters())
    assert sent <= 3


async def test_one_network_cannot_give_addresses_without_end(client: httpx.AsyncClient) -> None:
    codes = [
        (await client.post("/subscribe", data={"email": f"reader{n}@example.org"})).status_code
        for n in range(31)
    ]
    assert codes[:30] == [200] * 30
    assert codes[30] == 429


async def test_preferences_change_pause_and_resume_without_signing_in(
    client: httpx.AsyncClient, mail: Mail, database: Database
) -> None:
    found = await confirmed(client, mail)
    address = (await mail.links()).preferences(found.link_target).removeprefix("http://127.0.0.1:8000")
    assert "ada@example.org" in Page(await client.get(address)).text

    await client.post(address, data={"cadence": "weekdays", "hour": "9", "contents": ["", "trending"]})
    found = await subscription(database)
    assert (found.cadence, found.hour, found.topics) == (Cadence.weekdays, 9, False)
    assert found.next_due_at == utc("2026-03-11 09:00")

    await client.post(f"{address}/pause", data={"until": "2026-04-01"})
    found = await subscription(database)
    assert (found.state, found.next_due_at) == (SubscriptionState.paused, utc("2026-04-01 09:00"))
    await client.post(f"{address}/resume")
    assert (await subscription(database)).state is SubscriptionState.active


async def test_one_click_unsubscribes_at_once_without_cookie_or_redirect_and_again(
    client: httpx.AsyncClient, mail: Mail, database: Database
) -> None:
    await store_listing(database, "2026-03-10", feed_record())
    await confirmed(client, mail)
    message = (await mail.digests())[0]
    links = re.findall(r"<([^>]*)>", message["List-Unsubscribe"])
    address = links[0].removeprefix("http://127.0.0.1:8000")
    assert links[1].startswith("mailto:")
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"

    assert (await client.get(address)).status_code == 200
    assert (await subscription(database)).state is SubscriptionState.active
    for _ in range(2):
        answer = await client.post(
            address,
            content="List-Unsubscribe=One-Click",
            headers={
                "Content-Type": "application/x-www-form-urlencoded",
                "Origin": "https://mail.example.com",
            },
        )
        assert answer.status_code == 200
        assert "set-cookie" not in answer.headers
    assert (await subscription(database)).state is SubscriptionState.unsubscribed


async def test_unsubscribing_what_is_gone_is_a_success_too(
    client: httpx.AsyncClient, mail: Mail, database: Database
) -> None:
    found = await confirmed(client, mail)
    address = (await mail.links()).unsubscribe(found.link_target).removeprefix("http://127.0.0.1:8000")
    async with database.write_session() as session:
        await session.delete(await session.get(Subscription, found.id))
    assert (await client.post(address)).status_code == 200


@pytest.mark.parametrize("kind", ["confirm", "preferences", "unsubscribe", "digests"])
async def test_a_link_that_was_made_up_leads_nowhere(
    client: httpx.AsyncClient, mail: Mail, database: Database, kind: str
) -> None:
    found = await confirmed(client, mail)
    links = await mail.links()
    make_other = links.preferences if kind != "preferences" else links.confirm
    other = make_other(found.link_target)
    for token in ("1", "1.0123456789abcdef0123", other.rpartition("/")[2], "x" * 500, "1.%00"):
        assert (await client.get(f"/{kind}/{token}")).status_code in (400, 404)
        if kind in ("confirm", "unsubscribe"):
            assert (await client.post(f"/{kind}/{token}")).status_code in (400, 404)
    assert (await subscription(database)).state is SubscriptionState.active


async def test_whoever_unsubscribed_must_confirm_again(
    client: httpx.AsyncClient, mail: Mail, database: Database
) -> None:
    found = await confirmed(client, mail)
    await client.post(
        (await mail.links()).unsubscribe(found.link_target).removeprefix("http://127.0.0.1:8000")
    )
    await client.post("/subscribe", data={"email": "ada@example.org"})
    assert (await subscription(database)).state is SubscriptionState.pending


async def test_a_digest_can_be_seen_in_a_browser_without_its_readers_own_links(
    client: httpx.AsyncClient, mail: Mail, database: Database
) -> None:
    await store_listing(
        database, "2026-03-10", feed_record(title="On <b>$\\alpha$</b>", paper__title="On <b>$\\alpha$</b>")
    )
    await confirmed(client, mail)
    message = (await mail.digests())[0]
    page = await client.get(link_in(message, "digests"))

    assert "On &lt;b&gt;α&lt;/b&gt;" in page.text
    assert "/preferences/" not in page.text
    assert "/unsubscribe/" not in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]


async def test_more_like_this_leads_to_a_button_that_rates(
    client: httpx.AsyncClient, mail: Mail, database: Database
) -> None:
    await store_listing(database, "2026-03-10", feed_record("2603.00001"))
    found = await confirmed(client, mail, words="gradients")
    await mail.digests()
    async with database.write_session() as session:
        topic = (await session.scalars(select(Topic))).one()
        delivery = (await session.scalars(select(Delivery))).one()
        why = {"topic": topic.id, "name": topic.name, "why": ["gradients"], "own": False}
        delivery.reasons = {"2603.00001": why}
    links = (await mail.links()).for_delivery(delivery.id, found.link_target)
    address = links.rate.removeprefix("http://127.0.0.1:8000")

    page = Page(await client.get(f"{address}?paper=2603.00001&value=1"))
    assert "More like this" in page.text
    async with database.read_session() as session:
        assert (await session.scalars(select(Rating))).all() == []
    await client.post(address, data={"paper": "2603.00001", "value": "-1"})
    async with database.read_session() as session:
        assert [rating.value for rating in await session.scalars(select(Rating))] == [-1]
    assert (await client.get(f"{address}?paper=2603.09999&value=1")).status_code == 404


async def test_programs_may_ask_too(client: httpx.AsyncClient, mail: Mail) -> None:
    answer = await client.post(
        "/api/v1/subscriptions",
        json={"email": "ada@example.org", "words": "planning", "cadence": "monthly"},
    )
    assert (answer.status_code, answer.json()) == (202, {"status": "look at your mail"})
    assert len(await mail.letters()) == 1
    assert (await subscription(mail.database)).cadence is Cadence.monthly
    bad = await client.post("/api/v1/subscriptions", json={"email": "ada"})
    assert bad.status_code == 400
    assert bad.headers["Content-Type"].startswith("application/problem+json")


async def test_a_letter_that_the_server_defers_is_tried_again(
    client: httpx.AsyncClient, database: Database, mail: Mail
) -> None:
    await client.post("/subscribe", data={"email": "ada@example.org"})

    class Busy:
        async def send(self, *_: Any, **__: Any) -> str:
            from paperround.mail import MessageDeferred

            raise MessageDeferred("later", code=451)

    await confirmation.send_due_confirmations(
        database, Busy(), await mail.links(), "Paperround", now=utc(NOW)
    )
    assert await mail.letters() == []
    await confirmation.send_due_confirmations(
        database, mail.box, await mail.links(), "Paperround", now=utc("2026-03-10 12:03")
    )
    assert len(mail.box.list_newest(10)) == 1


async def test_a_failed_delivery_is_seen_in_the_preferences(
    client: httpx.AsyncClient, mail: Mail, database: Database
) -> None:
    await store_listing(database, "2026-03-10", feed_record())
    found = await confirmed(client, mail)
    await mail.digests()
    async with database.write_session() as session:
        delivery = (await session.scalars(select(Delivery))).one()
        delivery.state, delivery.smtp_response = DeliveryState.failed, "550 5.7.1 <b>spam</b>"
    address = (await mail.links()).preferences(found.link_target).removeprefix("http://127.0.0.1:8000")
    answer = await client.get(address)
    assert "550 5.7.1 &lt;b&gt;spam&lt;/b&gt;" in answer.text


async def test_who_is_signed_in_subscribes_by_one_button_and_is_asked_no_more(
    client: httpx.AsyncClient, mail: Mail, database: Database
) -> None:
    await store_listing(database, "2026-03-10", feed_record("2603.00001"))
    ada = await sign_in_browser(client, database, now=utc(NOW))
    box = Page(await client.get("/papers"))
    assert "Get them by mail" in box.text
    assert "/submit" in box.links()
    sent = {
        a["name"]: a["value"] for tag, a in box.elements if a.get("name") in ("email", "time_zone", "csrf")
    }
    assert sent.keys() == {"email", "time_zone", "csrf"}
    assert (sent["email"], sent["time_zone"]) == (ada.email, "UTC")
    assert "All set" in (await client.post("/subscribe", data=sent)).text
    assert await mail.letters() == []
    assert (await subscription(database)).state is SubscriptionState.active
    for path in ("/papers", "/papers/trending", "/papers?q=patience"):
        assert "Get them by mail" not in (await client.get(path)).text, path
    settings = Page(await client.get("/settings"))
    (preferences,) = [link for link in settings.links() if "/preferences/" in link]
    assert "Change or stop them" in settings.text
    assert "Digests go to ada@example.org" in (await client.get(preferences)).text


async def test_a_page_that_is_not_there_knows_who_looks(
    client: httpx.AsyncClient, database: Database
) -> None:
    assert "/sign-in" in Page(await client.get("/nowhere")).links()
    await sign_in_browser(client, database)
    missing = await client.get("/nowhere")
    assert missing.status_code == 404
    assert "/settings" in Page(missing).links()
