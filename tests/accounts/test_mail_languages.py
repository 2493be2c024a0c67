"""Letters are in the language of the page where they were asked for, or in that of their reader."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from email.message import EmailMessage

import pytest
from sqlalchemy import update

from paperround.accounts import address_changes, mail, sign_in
from paperround.accounts.tables import Reader
from paperround.database import Database
from paperround.digests import subscriptions
from paperround.digests.confirmation import send_due_confirmations
from paperround.digests.subscriptions import SubscriptionPreferences
from paperround.i18n.languages import using_language
from paperround.mail.envelope import Envelope
from paperround.settings import Settings

from support.factories import utc
from support.people import ADA, BEN, add_person
from support.sender_child import LINKS
from support.tagged_messages import tag_messages

NOW = utc("2026-03-10 12:00")
NEW = "ada@new.example.org"
SETTINGS = Settings(
    _env_file=None, public_url="https://papers.example.org", mail_from="Papers <p@example.org>"
)


class KeepingMailer:
    def __init__(self) -> None:
        self.by_recipient: dict[str, EmailMessage] = {}

    async def send(
        self,
        message: EmailMessage | bytes,
        *,
        sender: str,
        recipient: str,
        following: Envelope | None = None,
    ) -> str:
        assert isinstance(message, EmailMessage)
        self.by_recipient[recipient] = message
        return "250 taken"


@pytest.fixture(autouse=True)
def tagged(monkeypatch: pytest.MonkeyPatch) -> None:
    tag_messages(monkeypatch)


def read_parts(message: EmailMessage) -> Iterator[str]:
    yield str(message["Subject"])
    for kind in ("plain", "html"):
        body = message.get_body([kind])
        assert body is not None
        yield body.get_content()


def is_in(message: EmailMessage, language: str) -> bool:
    parts = [*read_parts(message)]
    told = {tag for tag in ("de", "zh-Hans") if any(f"[{tag}:" in part for part in parts)}
    is_tagged = all(f"[{language}:" in part for part in parts) or language == "en"
    return is_tagged and told <= {language} and f'<html lang="{language}" dir="ltr"' in parts[-1]


def check(messages: Mapping[str, EmailMessage], languages: Mapping[str, str]) -> None:
    assert messages.keys() == languages.keys()
    assert [name for name, language in languages.items() if not is_in(messages[name], language)] == []


async def test_letters_are_in_the_language_of_the_page_where_they_were_asked_for(database: Database) -> None:
    languages = {"a@example.org": "de", "b@example.org": "en", "c@example.org": "zh-Hans"}
    links, letters = KeepingMailer(), KeepingMailer()
    async with database.write_session() as session:
        for email, language in languages.items():
            with using_language(language):
                await sign_in.request_link(session, email, now=NOW)
                await subscriptions.request(session, email, SubscriptionPreferences(), now=NOW)
    await mail.send_due_links(database, links, SETTINGS, now=NOW)
    await send_due_confirmations(database, letters, LINKS, "Papers", now=NOW)
    check(links.by_recipient, languages)
    check(letters.by_recipient, languages)


async def test_notices_are_in_the_language_of_their_reader(database: Database) -> None:
    ada, mailer = await add_person(database, ADA), KeepingMailer()
    async with database.write_session() as session:
        await session.execute(update(Reader).where(Reader.id == ada.id).values(interface_language="zh-Hans"))
        with using_language("de"):
            await sign_in.request_link(session, NEW, now=NOW, reader_id=ada.id)
        await address_changes.announce_change(session, ada.id, old=ADA, new=BEN, now=NOW)
    await mail.send_due_links(database, mailer, SETTINGS, now=NOW)
    check(mailer.by_recipient, {ADA: "zh-Hans", BEN: "zh-Hans", NEW: "de"})


async def test_a_language_that_the_interface_no_longer_has_is_english(database: Database) -> None:
    ada, mailer = await add_person(database, ADA), KeepingMailer()
    async with database.write_session() as session:
        await session.execute(update(Reader).where(Reader.id == ada.id).values(interface_language="tlh"))
        with using_language("en"):
            await sign_in.request_link(session, NEW, now=NOW, reader_id=ada.id)
    await mail.send_due_links(database, mailer, SETTINGS, now=NOW)
    check(mailer.by_recipient, {ADA: "en", NEW: "en"})
