"""Sign-in links are mailed once, tried again if the server defers them, and kept only as hashes."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
from sqlalchemy import select

from paperround.accounts import mail, sign_in
from paperround.accounts.tables import SignInLink
from paperround.database import Database, utc_now
from paperround.mail import (
    MailError,
    MailServerUnreachable,
    MessageDeferred,
    MessageRefused,
    MessageUncertain,
    open_outbox,
)
from paperround.settings import Settings
from paperround.tokens import hash_token

from support.factories import utc
from support.jobs import run_waiting_jobs
from support.people import ADA, BEN, CYN, add_person

NOW = utc("2026-03-10 12:00")
SETTINGS = Settings(
    _env_file=None, public_url="https://papers.example.org", mail_from="Papers <p@example.org>"
)


@dataclass
class FakeMailer:
    """Accepts messages, or fails with the error that is set for an address."""

    errors: dict[str, MailError] = field(default_factory=dict)
    messages: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    delay: float = 0

    async def send(
        self, message: EmailMessage | bytes, *, sender: str, recipient: str, following: object = None
    ) -> str:
        assert isinstance(message, EmailMessage)
        assert sender == "p@example.org"
        self.recipients.append(recipient)
        await asyncio.sleep(self.delay)
        if recipient in self.errors:
            raise self.errors[recipient]
        self.messages.append(message)
        return "250 taken"


async def request_links(database: Database, *emails: str, now: datetime = NOW) -> None:
    for email in emails:
        async with database.write_session() as session:
            await sign_in.request_link(session, email, now=now)


async def send(database: Database, mailer: FakeMailer, *, now: datetime = NOW) -> None:
    await mail.send_due_links(database, mailer, SETTINGS, now=now)


def link_in(message: EmailMessage, kind: str = "plain") -> str:
    body = message.get_body((kind,))
    assert body is not None
    links = set(re.findall(r"https://papers\.example\.org/[\w/-]+", body.get_content()))
    assert len(links) == 1, links
    return links.pop()


async def test_the_mail_has_a_link_that_signs_in_and_the_database_its_hash(database: Database) -> None:
    mailer = FakeMailer()
    await request_links(database, ADA)
    await send(database, mailer)

    (message,) = mailer.messages
    assert (message["To"], message["From"]) == (ADA, "Papers <p@example.org>")
    assert message["Subject"] == "Sign in to Paperround"
    link = link_in(message)
    assert link == link_in(message, "html")
    token = link.removeprefix("https://papers.example.org/sign-in/")
    async with database.write_session() as session:
        stored_link = (await session.scalars(select(SignInLink))).one()
        assert stored_link.token_hash == hash_token(token)
        assert (await sign_in.use_link(session, token, now=NOW)).email == ADA


async def test_a_link_is_sent_once(database: Database) -> None:
    mailer = FakeMailer()
    await request_links(database, ADA, BEN)
    for _ in range(3):
        await send(database, mailer)

    assert sorted(mailer.recipients) == [ADA, BEN]


async def test_two_workers_share_the_links(database: Database) -> None:
    mailer = FakeMailer(delay=0.02)
    await request_links(database, *(f"reader{n}@example.org" for n in range(6)))
    await asyncio.gather(*(send(database, mailer) for _ in range(3)))

    assert sorted(mailer.recipients) == [f"reader{n}@example.org" for n in range(6)]


@pytest.mark.parametrize("error", [MessageDeferred("later", code=451), MailServerUnreachable("no server")])
async def test_a_link_that_was_not_sent_is_tried_again_with_a_new_token(
    database: Database, error: MessageDeferred | MailServerUnreachable
) -> None:
    mailer = FakeMailer({ADA: error})
    await request_links(database, ADA)
    await send(database, mailer)
    async with database.read_session() as session:
        assert (await session.scalars(select(SignInLink.token_hash))).all() == [None]

    mailer.errors.clear()
    await send(database, mailer, now=NOW + timedelta(minutes=1))
    assert len(mailer.messages) == 1


async def test_a_deferred_link_does_not_hold_up_the_others(database: Database) -> None:
    mailer = FakeMailer({ADA: MessageDeferred("later", code=451), BEN: MessageRefused("no", code=550)})
    await request_links(database, ADA, BEN, CYN)
    await send(database, mailer)

    assert mailer.recipients == [ADA, BEN, CYN]
    assert [message["To"] for message in mailer.messages] == [CYN]


async def test_an_unreachable_server_is_tried_once(database: Database) -> None:
    mailer = FakeMailer({ADA: MailServerUnreachable("no server")})
    await request_links(database, ADA, BEN, CYN)
    await send(database, mailer)

    assert mailer.recipients == [ADA]


@pytest.mark.parametrize("error", [MessageRefused("no such mailbox", code=550), MessageUncertain("lost")])
async def test_a_link_that_was_refused_or_may_have_arrived_is_not_sent_again(
    database: Database, error: MessageRefused | MessageUncertain
) -> None:
    mailer = FakeMailer({ADA: error})
    await request_links(database, ADA)
    for _ in range(3):
        await send(database, mailer)

    assert mailer.recipients == [ADA]


async def test_an_expired_link_is_not_sent(database: Database) -> None:
    mailer = FakeMailer()
    await request_links(database, ADA)
    await send(database, mailer, now=NOW + sign_in.LINK_LIFETIME)

    assert mailer.recipients == []


async def test_a_new_address_gets_its_link_after_the_present_one_was_warned(database: Database) -> None:
    mailer = FakeMailer()
    ada = await add_person(database, now=NOW)
    async with database.write_session() as session:
        await sign_in.request_link(session, "ada@new.example.org", now=NOW, reader_id=ada.id)
    await send(database, mailer)

    warning, letter = mailer.messages
    assert letter["To"] == "ada@new.example.org"
    assert letter["Subject"] == "Your new address at Paperround"
    assert link_in(letter).startswith("https://papers.example.org/settings/address/")
    assert link_in(letter) == link_in(letter, "html")
    assert warning["To"] == ADA, "told before the link goes out"
    assert link_in(warning) == link_in(warning, "html") == "https://papers.example.org/settings"
    assert "ada@new.example.org" in warning.get_body(("plain",)).get_content()


@pytest.mark.parametrize(
    ("error", "recipients"),
    [
        (MessageRefused("no such mailbox", code=550), [ADA, BEN]),
        (MessageDeferred("later", code=451), [ADA]),
        (MailServerUnreachable("no server"), [ADA]),
    ],
)
async def test_the_link_waits_for_a_warning_that_is_deferred_but_not_for_a_refused_one(
    database: Database, error: MessageRefused | MessageDeferred | MailServerUnreachable, recipients: list[str]
) -> None:
    mailer = FakeMailer({ADA: error})
    ada = await add_person(database, now=NOW)
    async with database.write_session() as session:
        await sign_in.request_link(session, BEN, now=NOW, reader_id=ada.id)
    await send(database, mailer)

    assert mailer.recipients == recipients


async def test_a_hostile_site_name_stays_text(database: Database) -> None:
    mailer = FakeMailer()
    settings = SETTINGS.model_copy(update={"site_name": "<b>Papers</b>\r\nBcc: eve@example.org"})
    await request_links(database, ADA)
    await mail.send_due_links(database, mailer, settings, now=NOW)

    assert mailer.messages[0]["Bcc"] is None
    assert "<b>" not in mailer.messages[0].get_body(("html",)).get_content()


async def test_the_task_sends_to_the_outbox_when_there_is_no_server(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    outbox_settings = settings.model_copy(update={"data_dir": tmp_path})
    async with database.write_session() as session:
        await sign_in.request_link(session, ADA, now=utc_now())
    await run_waiting_jobs(database, outbox_settings)

    (stored,) = open_outbox(outbox_settings).list_newest(10)
    assert stored.message["To"] == ADA
