"""Links are mailed once, tried again when the server wants them later, and kept only as hashes."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.message import EmailMessage

import pytest
from sqlalchemy import select

from paperround.accounts import mail, sign_in
from paperround.accounts.tables import SignInLink
from paperround.database import Database
from paperround.mail import Deferred, MailError, Refused, Uncertain, Unreachable, outbox
from paperround.settings import Settings
from paperround.tokens import fingerprint
from paperround.worker import jobs

from support.factories import at
from support.jobs import work_off
from support.people import ADA, BEN, CYN, person

NOW = at("2026-03-10 12:00")
SETTINGS = Settings(
    _env_file=None, public_url="https://papers.example.org", mail_from="Papers <p@example.org>"
)


@dataclass
class Postbox:
    """Takes mail, or fails with what is set for an address."""

    failing: dict[str, MailError] = field(default_factory=dict)
    taken: list[EmailMessage] = field(default_factory=list)
    tried: list[str] = field(default_factory=list)
    delay: float = 0

    async def send(self, message: EmailMessage | bytes, *, sender: str, recipient: str) -> str:
        assert isinstance(message, EmailMessage)
        assert sender == "p@example.org"
        self.tried.append(recipient)
        await asyncio.sleep(self.delay)
        if recipient in self.failing:
            raise self.failing[recipient]
        self.taken.append(message)
        return "250 taken"


async def asked(database: Database, *emails: str, now: datetime = NOW) -> None:
    for email in emails:
        async with database.writing() as session:
            await sign_in.ask(session, email, now=now)


async def send(database: Database, box: Postbox, *, now: datetime = NOW) -> None:
    await mail.send_due(database, box, SETTINGS, now=now)


def link_in(message: EmailMessage, kind: str = "plain") -> str:
    body = message.get_body((kind,))
    assert body is not None
    found = set(re.findall(r"https://papers\.example\.org/[\w/-]+", body.get_content()))
    assert len(found) == 1, found
    return found.pop()


async def test_the_mail_has_a_link_that_signs_in_and_the_database_its_hash(database):
    box = Postbox()
    await asked(database, ADA)
    await send(database, box)

    (message,) = box.taken
    assert (message["To"], message["From"]) == (ADA, "Papers <p@example.org>")
    assert message["Subject"] == "Sign in to Paperround"
    link = link_in(message)
    assert link == link_in(message, "html")
    token = link.removeprefix("https://papers.example.org/sign-in/")
    async with database.writing() as session:
        kept = (await session.scalars(select(SignInLink))).one()
        assert kept.token_hash == fingerprint(token)
        assert (await sign_in.use(session, token, now=NOW)).email == ADA


async def test_a_link_is_sent_once(database):
    box = Postbox()
    await asked(database, ADA, BEN)
    for _ in range(3):
        await send(database, box)

    assert sorted(box.tried) == [ADA, BEN]


async def test_two_workers_share_the_links(database):
    box = Postbox(delay=0.02)
    await asked(database, *(f"reader{n}@example.org" for n in range(6)))
    await asyncio.gather(*(send(database, box) for _ in range(3)))

    assert sorted(box.tried) == [f"reader{n}@example.org" for n in range(6)]


@pytest.mark.parametrize("error", [Deferred("later", code=451), Unreachable("no server")])
async def test_what_the_server_does_not_take_now_is_tried_again_with_a_new_token(database, error):
    box = Postbox({ADA: error})
    await asked(database, ADA)
    await send(database, box)
    async with database.reading() as session:
        assert (await session.scalars(select(SignInLink.token_hash))).all() == [None]

    box.failing.clear()
    await send(database, box, now=NOW + timedelta(minutes=1))
    assert len(box.taken) == 1


async def test_one_that_is_put_off_does_not_hold_up_the_rest(database):
    box = Postbox({ADA: Deferred("later", code=451), BEN: Refused("no", code=550)})
    await asked(database, ADA, BEN, CYN)
    await send(database, box)

    assert box.tried == [ADA, BEN, CYN]
    assert [message["To"] for message in box.taken] == [CYN]


async def test_no_server_is_asked_once_not_for_each(database):
    box = Postbox({ADA: Unreachable("no server")})
    await asked(database, ADA, BEN, CYN)
    await send(database, box)

    assert box.tried == [ADA]


@pytest.mark.parametrize("error", [Refused("no such mailbox", code=550), Uncertain("lost")])
async def test_what_was_refused_or_may_have_arrived_is_not_sent_again(database, error):
    box = Postbox({ADA: error})
    await asked(database, ADA)
    for _ in range(3):
        await send(database, box)

    assert box.tried == [ADA]


async def test_an_expired_link_is_not_sent_any_more(database):
    box = Postbox()
    await asked(database, ADA)
    await send(database, box, now=NOW + sign_in.GOOD_FOR)

    assert box.tried == []


async def test_a_new_address_has_a_mail_of_its_own(database):
    box = Postbox()
    ada = await person(database, now=NOW)
    async with database.writing() as session:
        await sign_in.ask(session, "ada@new.example.org", now=NOW, reader_id=ada.id)
    await send(database, box)

    warning, letter = box.taken
    assert letter["To"] == "ada@new.example.org"
    assert letter["Subject"] == "Your new address at Paperround"
    assert link_in(letter).startswith("https://papers.example.org/settings/address/")
    assert link_in(letter) == link_in(letter, "html")
    assert warning["To"] == ADA, "told before the link goes out"
    assert link_in(warning) == link_in(warning, "html") == "https://papers.example.org/settings"
    assert "ada@new.example.org" in warning.get_body(("plain",)).get_content()


@pytest.mark.parametrize(
    ("error", "tried"),
    [
        (Refused("no such mailbox", code=550), [ADA, BEN]),
        (Deferred("later", code=451), [ADA]),
        (Unreachable("no server"), [ADA]),
    ],
)
async def test_an_old_address_that_is_dead_stands_in_nobodys_way_and_a_busy_one_waits(database, error, tried):
    box = Postbox({ADA: error})
    ada = await person(database, now=NOW)
    async with database.writing() as session:
        await sign_in.ask(session, BEN, now=NOW, reader_id=ada.id)
    await send(database, box)

    assert box.tried == tried


async def test_a_hostile_site_name_stays_text(database):
    box = Postbox()
    settings = SETTINGS.model_copy(update={"site_name": "<b>Papers</b>\r\nBcc: eve@example.org"})
    await asked(database, ADA)
    await mail.send_due(database, box, settings, now=NOW)

    assert box.taken[0]["Bcc"] is None
    assert "<b>" not in box.taken[0].get_body(("html",)).get_content()


async def test_the_task_sends_to_the_outbox_when_there_is_no_server(database, settings, tmp_path):
    here = settings.model_copy(update={"data_dir": tmp_path})
    async with database.writing() as session:
        await sign_in.ask(session, ADA, now=jobs.utc_now())
    await work_off(database, here)

    (stored,) = outbox(here).newest(10)
    assert stored.message["To"] == ADA
