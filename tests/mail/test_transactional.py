"""Transactional mail: which outcome leaves a row waiting, and which one is final."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from email.message import EmailMessage

import pytest
from sqlalchemy import select

from paperround.database import Database, ReadSession, WriteSession
from paperround.mail import (
    MailError,
    MailServerUnreachable,
    MessageDeferred,
    MessageRefused,
    MessageUncertain,
)
from paperround.mail.transactional import TemplatedMessage, TransactionalMailer
from paperround.rate_limits import RateLimitCount

from support.factories import utc

NOW = utc("2026-03-10 12:00")
POSTPONED = -1


class CountMail:
    """Sends to the key of each row whose count is 0. A row is sent with count 1, and postponed with -1."""

    name = "counts"

    async def list_waiting_ids(self, session: ReadSession, *, now: datetime, limit: int) -> Sequence[int]:
        query = select(RateLimitCount.key).where(RateLimitCount.count == 0).order_by(RateLimitCount.key)
        return [int(key) for key in await session.scalars(query.limit(limit))]

    async def lock_row(self, session: WriteSession, row_id: int, *, now: datetime) -> RateLimitCount | None:
        query = select(RateLimitCount).where(RateLimitCount.key == str(row_id), RateLimitCount.count == 0)
        return await session.scalar(query.with_for_update(skip_locked=True))

    async def prepare_messages(
        self,
        session: WriteSession,
        row: RateLimitCount,
    ) -> Sequence[TemplatedMessage]:
        row.count = 1
        variables = {"link": "https://papers.example.org", "minutes": 15}
        addresses = (f"{row.key}@example.org", f"{row.key}@example.net")
        return [TemplatedMessage("sign_in", address, variables) for address in addresses]

    def postpone(self, row: RateLimitCount, *, now: datetime) -> None:
        assert row.count == 0, "the row is as it was before"
        row.count = POSTPONED


class FailingMailer:
    """Fails with `errors[recipient]`. Records every recipient."""

    def __init__(self, errors: dict[str, MailError]) -> None:
        self.errors = errors
        self.recipients: list[str] = []

    async def send(
        self, message: EmailMessage | bytes, *, sender: str, recipient: str, following: object = None
    ) -> str:
        self.recipients.append(recipient)
        if recipient in self.errors:
            raise self.errors[recipient]
        return "250 ok"


async def send_two_rows(database: Database, errors: dict[str, MailError]) -> tuple[list[str], dict[str, int]]:
    """Send the mail of rows 1 and 2. Returns the recipients that were tried, and the rows' counts."""
    async with database.write_session() as session:
        session.add_all(RateLimitCount(key=key, window_start=NOW, count=0) for key in ("1", "2"))
    mailer = FailingMailer(errors)
    transactional_mailer = TransactionalMailer(database, mailer, "Papers <p@example.org>", "Papers")
    await transactional_mailer.send_waiting(CountMail(), now=NOW)
    async with database.read_session() as session:
        rows = await session.scalars(select(RateLimitCount))
        return mailer.recipients, {row.key: row.count for row in rows}


ALL_RECIPIENTS = ["1@example.org", "1@example.net", "2@example.org", "2@example.net"]


@pytest.mark.parametrize("error", [MessageRefused("no", code=550), MessageUncertain("lost")])
@pytest.mark.parametrize("recipient", ALL_RECIPIENTS[:2])
async def test_a_refused_or_uncertain_message_is_done_and_holds_up_nothing(
    database: Database, error: MailError, recipient: str
) -> None:
    recipients, counts = await send_two_rows(database, {recipient: error})
    assert (recipients, counts) == (ALL_RECIPIENTS, {"1": 1, "2": 1})


@pytest.mark.parametrize(("recipient", "first_tried"), [("1@example.org", 1), ("1@example.net", 2)])
async def test_a_deferred_message_leaves_its_row_unsent_and_postponed(
    database: Database, recipient: str, first_tried: int
) -> None:
    recipients, counts = await send_two_rows(database, {recipient: MessageDeferred("later", code=451)})
    assert recipients == ALL_RECIPIENTS[:first_tried] + ALL_RECIPIENTS[2:]
    assert counts == {"1": POSTPONED, "2": 1}


async def test_an_unreachable_server_ends_the_pass_and_changes_no_row(database: Database) -> None:
    recipients, counts = await send_two_rows(database, {"1@example.org": MailServerUnreachable("no server")})
    assert (recipients, counts) == (ALL_RECIPIENTS[:1], {"1": 0, "2": 0})
