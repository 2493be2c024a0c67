"""What can lock a reader out takes a link to their address, and the earlier address can undo its change."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select, update

from paperround.accounts import mail as accounts_mail
from paperround.accounts import sign_in
from paperround.accounts.tables import AddressNotice, ApiKey, Reader, ReaderSession
from paperround.database import Database
from paperround.digests.tables import Subscription
from paperround.mail import MessageDeferred, Outbox
from paperround.settings import Settings

from support.api import bearer_header, create_api_key
from support.factories import utc
from support.pages import TODAY, Page, opened
from support.people import ADA, Person, add_person, sign_in_browser
from support.subscriptions import subscribed

NOW = utc(TODAY)
EVE = "eve@example.net"


@dataclass
class Mail:
    """Sends what waits into an outbox, as a worker does. `texts` are the messages by recipient."""

    database: Database
    box: Outbox

    async def send(self, *, at: timedelta = timedelta()) -> dict[str, str]:
        known = {stored.name for stored in self.box.list_newest(50)}
        await accounts_mail.send_due_links(self.database, self.box, Settings(_env_file=None), now=NOW + at)
        texts = {}
        for stored in self.box.list_newest(50):
            body = stored.message.get_body(("plain",))
            if stored.name not in known and body is not None:
                texts[str(stored.message["To"])] = body.get_content()
        return texts


@pytest.fixture
def mail(database: Database, tmp_path: Path) -> Mail:
    return Mail(database, Outbox(tmp_path / "outbox"))


@pytest.fixture
async def ada(browser: httpx.AsyncClient, database: Database) -> Person:
    return await sign_in_browser(browser, database, now=NOW)


@pytest.fixture
async def stranger(database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with opened(database_url) as client:
        yield client


async def age_sign_ins(database: Database, age: timedelta = timedelta(minutes=16)) -> None:
    async with database.write_session() as session:
        await session.execute(update(ReaderSession).values(created_at=NOW - age))


def link_in(text: str) -> str:
    found = re.search(r"http://127\.0\.0\.1:8000(/\S+)", text)
    assert found, text
    return found[1]


async def load_address(database: Database, reader_id: int) -> str:
    async with database.read_session() as session:
        return (await session.execute(select(Reader.email).where(Reader.id == reader_id))).scalar_one()


async def change_address(
    browser: httpx.AsyncClient, person: Person, mail: Mail, *, new: str = EVE, **fields: str
) -> dict[str, str]:
    """Change the address. Returns the messages about it."""
    await browser.post("/settings/address", data=person.form(email=new))
    link = link_in((await mail.send())[new])
    answer = await browser.post(link, data=person.form(**fields))
    assert answer.headers["Location"] == "/settings?done=address"
    return await mail.send()


# --- A fresh sign-in --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/settings/keys"), ("POST", "/settings/address"),
        ("GET", "/settings/leave"), ("POST", "/settings/leave"),
    ],
)  # fmt: skip
async def test_an_old_sign_in_is_not_enough_for_what_can_lock_a_reader_out(
    browser: httpx.AsyncClient, database: Database, ada: Person, method: str, path: str
) -> None:
    await age_sign_ins(database)
    form = ada.form(name="mine", email=EVE, confirm=ADA) if method == "POST" else None
    answer = await browser.request(method, path, data=form)

    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/settings/confirm")
    async with database.read_session() as session:
        assert (await session.scalars(select(Reader.email))).all() == [ADA]
        assert (await session.scalars(select(ApiKey.id))).all() == []


async def test_a_link_to_the_present_address_makes_it_enough_and_leads_back(
    browser: httpx.AsyncClient, database: Database, ada: Person, mail: Mail
) -> None:
    await age_sign_ins(database)
    page = Page(await browser.get((await browser.get("/settings/leave")).headers["Location"]))
    sent = await browser.post("/settings/confirm", data=ada.form(next="/settings/leave"))
    messages = await mail.send()

    assert ADA in page.text
    assert ADA in Page(sent).text
    assert list(messages) == [ADA]
    signed_in = await browser.post(link_in(messages[ADA]), data=ada.form())
    assert signed_in.headers["Location"] == "/settings/leave"
    assert "type your address" in Page(await browser.get("/settings/leave")).text


async def test_settings_say_so_before_a_form_is_filled_in(
    browser: httpx.AsyncClient, database: Database, ada: Person
) -> None:
    fresh = Page(await browser.get("/settings"))
    await age_sign_ins(database)
    old = Page(await browser.get("/settings"))

    actions = [{a.get("action") for tag, a in page.elements if tag == "form"} for page in (fresh, old)]
    assert {"/settings/keys", "/settings/address"} <= actions[0]
    assert not {"/settings/keys", "/settings/address"} & actions[1]
    assert sum(link.startswith("/settings/confirm") for link in old.links()) == 2


async def test_own_links_are_bounded_and_strangers_cannot_use_them_up(
    browser: httpx.AsyncClient, stranger: httpx.AsyncClient, ada: Person
) -> None:
    for _ in range(8):
        await stranger.post("/sign-in", data={"email": ADA})
    codes = [
        (await browser.post("/settings/confirm", data=ada.form(next="/settings"))).status_code
        for _ in range(11)
    ]
    assert codes == [200] * 10 + [429]


# --- Changing the address ---------------------------------------------------------------------------------


@pytest.mark.parametrize("keys", ["", "yes"])
async def test_a_change_tells_both_addresses_and_signs_other_browsers_out_and_keys_if_asked(
    browser: httpx.AsyncClient,
    stranger: httpx.AsyncClient,
    database: Database,
    ada: Person,
    mail: Mail,
    keys: str,
) -> None:
    key = await create_api_key(browser, ada)
    await sign_in_browser(stranger, database, now=NOW)
    messages = await change_address(browser, ada, mail, **({"keys": keys} if keys else {}))

    assert set(messages) == {ADA, EVE}
    assert EVE in messages[ADA]
    assert ADA in messages[EVE]
    assert "/undo/" not in messages[EVE], "the new address could undo nothing but its own undoing"
    assert (await browser.get("/settings")).status_code == 200
    assert (await stranger.get("/settings")).status_code == 303
    with_key = await browser.get("/api/v1/me", headers=bearer_header(key))
    assert with_key.status_code == (401 if keys else 200)


async def test_the_earlier_address_takes_the_account_back_from_a_thief(
    browser: httpx.AsyncClient, stranger: httpx.AsyncClient, database: Database, ada: Person, mail: Mail
) -> None:
    await subscribed(database, "ada", now=TODAY)
    key = await create_api_key(browser, ada)
    messages = await change_address(browser, ada, mail)
    await change_address(browser, ada, mail, new="eve@example.com")
    link = link_in(messages[ADA])
    for _ in range(2):
        assert "Undo the change" in Page(await stranger.get(link)).text
    assert await load_address(database, ada.id) == "eve@example.com", "a GET changes nothing"
    undone = await stranger.post(link, data={"keys": "yes"})

    assert "The change is undone" in Page(undone).text
    assert await load_address(database, ada.id) == ADA
    async with database.read_session() as session:
        assert (await session.scalars(select(Subscription.email))).all() == [ADA]
    assert (await browser.get("/settings")).status_code == 303
    assert (await browser.get("/api/v1/me", headers=bearer_header(key))).status_code == 401
    assert set(await mail.send()) == {ADA, "eve@example.com"}
    assert (await stranger.post(link)).status_code == 410


async def test_an_undone_change_cannot_be_done_again_by_links_that_are_out(
    browser: httpx.AsyncClient, stranger: httpx.AsyncClient, database: Database, ada: Person, mail: Mail
) -> None:
    first = await change_address(browser, ada, mail)
    second = await change_address(browser, ada, mail, new="eve@example.com")
    await browser.post("/settings/address", data=ada.form(email="eve@example.edu"))
    waiting = link_in((await mail.send())["eve@example.edu"])
    await stranger.post(link_in(first[ADA]))

    assert (await stranger.post(link_in(second[EVE]))).status_code == 410
    again = await sign_in_browser(browser, database, now=NOW)
    assert (await browser.post(waiting, data=again.form())).status_code == 410
    assert await load_address(database, ada.id) == ADA


async def test_keys_made_since_the_change_are_taken_back_whatever_is_ticked(
    browser: httpx.AsyncClient, stranger: httpx.AsyncClient, ada: Person, mail: Mail, database: Database
) -> None:
    own = await create_api_key(browser, ada)
    async with database.write_session() as session:
        await session.execute(update(ApiKey).values(created_at=NOW - timedelta(days=1)))
    messages = await change_address(browser, ada, mail)
    thiefs = await create_api_key(browser, ada)
    await stranger.post(link_in(messages[ADA]))

    answers = [await stranger.get("/api/v1/me", headers=bearer_header(key)) for key in (own, thiefs)]
    assert [answer.status_code for answer in answers] == [200, 401]


async def test_undoing_works_where_the_owner_has_opened_a_new_account_meanwhile(
    browser: httpx.AsyncClient, stranger: httpx.AsyncClient, database: Database, ada: Person, mail: Mail
) -> None:
    messages = await change_address(browser, ada, mail)
    await add_person(database, ADA, now=NOW)
    answer = await stranger.post(link_in(messages[ADA]))

    assert answer.status_code == 200
    async with database.read_session() as session:
        assert (await session.execute(select(Reader.id, Reader.email))).all() == [(ada.id, ADA)]


async def test_an_account_cannot_be_deleted_while_its_earlier_address_could_take_it_back(
    browser: httpx.AsyncClient, database: Database, ada: Person, mail: Mail
) -> None:
    await change_address(browser, ada, mail)
    refused = await browser.post("/settings/leave", data=ada.form(confirm=EVE))

    assert refused.status_code == 409
    assert "can undo the change until" in Page(refused).text
    assert await load_address(database, ada.id) == EVE
    async with database.write_session() as session:
        await session.execute(update(AddressNotice).values(made_at=NOW - timedelta(days=7)))
    assert (await browser.post("/settings/leave", data=ada.form(confirm=EVE))).status_code == 200


async def test_after_seven_days_nothing_can_be_undone_and_the_notices_are_deleted(
    browser: httpx.AsyncClient, stranger: httpx.AsyncClient, database: Database, ada: Person, mail: Mail
) -> None:
    messages = await change_address(browser, ada, mail)
    async with database.write_session() as session:
        await session.execute(update(AddressNotice).values(made_at=NOW - timedelta(days=7)))
    for method in ("GET", "POST"):
        assert (await stranger.request(method, link_in(messages[ADA]))).status_code == 410
    await sign_in.delete_expired(database, now=NOW)

    async with database.read_session() as session:
        assert (await session.scalars(select(AddressNotice.id))).all() == []


@pytest.mark.parametrize("token", ["x", "A" * 43, "%00", "x" * 4000])
async def test_a_made_up_link_undoes_nothing(stranger: httpx.AsyncClient, token: str) -> None:
    for method in ("GET", "POST"):
        answer = await stranger.request(method, f"/address/undo/{token}")
        assert 400 <= answer.status_code < 500


async def test_a_notice_that_the_server_defers_is_tried_again_after_growing_pauses(
    browser: httpx.AsyncClient, database: Database, ada: Person, mail: Mail
) -> None:
    class Busy:
        async def send(self, *_: object, **__: object) -> str:
            raise MessageDeferred("later", code=451)

    await browser.post("/settings/address", data=ada.form(email=EVE))
    link = link_in((await mail.send())[EVE])
    await browser.post(link, data=ada.form())
    settings = Settings(_env_file=None)
    for minutes in (0, 4):
        await accounts_mail.send_due_links(database, Busy(), settings, now=NOW + timedelta(minutes=minutes))

    assert await mail.send(at=timedelta(minutes=7)) == {}
    assert set(await mail.send(at=timedelta(minutes=8))) == {ADA, EVE}


# --- Signing out everywhere -------------------------------------------------------------------------------


@pytest.mark.parametrize(("ticked", "status"), [({}, 200), ({"keys": "yes"}, 401)])
async def test_signing_out_everywhere_takes_keys_back_if_asked(
    browser: httpx.AsyncClient, ada: Person, ticked: dict[str, str], status: int
) -> None:
    key = await create_api_key(browser, ada)
    offered = [a.get("name") for tag, a in Page(await browser.get("/settings")).elements if tag == "input"]
    await browser.post("/settings/sessions/end", data=ada.form(**ticked))

    assert "keys" in offered
    assert (await browser.get("/api/v1/me", headers=bearer_header(key))).status_code == status
