"""Mail that answers one person's request, such as a sign-in link: one set of rules for sending and retrying.

This module knows no reader and no table. A `MailSource` knows the rows that wait and what each one sends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol, TypeVar

import structlog

from paperround.database import Database, ReadSession, WriteSession
from paperround.i18n.languages import ENGLISH, using_language
from paperround.mail import (
    Mailer,
    MailServerUnreachable,
    MessageDeferred,
    MessageRefused,
    MessageUncertain,
    compose_message,
)
from paperround.mail.message import parse_address
from paperround.mail.templates import render_mail

logger = structlog.get_logger(__name__)

MAIL_BATCH_SIZE: Final = 200
Row = TypeVar("Row")


@dataclass(frozen=True)
class TemplatedMessage:
    """A message that is still to be rendered. `template` is a name in templates/mail."""

    template: str
    recipient: str
    variables: Mapping[str, object]
    language: str = ENGLISH


class MailSource(Protocol[Row]):
    """The rows of one table that wait for their mail."""

    @property
    def name(self) -> str:
        """What is sent, for the log."""
        ...

    async def list_waiting_ids(self, session: ReadSession, *, now: datetime, limit: int) -> Sequence[int]:
        """List the ids of rows whose mail is due, the oldest first."""
        ...

    async def lock_row(self, session: WriteSession, row_id: int, *, now: datetime) -> Row | None:
        """Lock a row that still waits. Return None if another worker has it or has sent its mail."""
        ...

    async def prepare_messages(self, session: WriteSession, row: Row) -> Sequence[TemplatedMessage]:
        """Mark the row as sent, make any tokens, and return the messages to send, in order."""
        ...

    def postpone(self, row: Row, *, now: datetime) -> None:
        """Set when to try again a row whose mail was deferred."""
        ...


@dataclass(frozen=True)
class TransactionalMailer:
    """Sends the mail of any source. `sender` is `Name <address>`, as in From."""

    database: Database
    mailer: Mailer
    sender: str
    site_name: str

    async def send_waiting(self, source: MailSource[Row], *, now: datetime) -> None:
        """Send the mail of every waiting row, each in one transaction that holds the row's lock.

        - A message that certainly did not go out (deferred, or the server is unreachable) leaves its row
          unsent, to be tried again. A deferred message does not hold up the other rows. An unreachable server
          ends the pass.
        - A message that may have gone out (uncertain) counts as sent.
        - A message that was refused is logged and not tried again.
        """
        async with self.database.read_session() as session:
            row_ids = await source.list_waiting_ids(session, now=now, limit=MAIL_BATCH_SIZE)
        for row_id in row_ids:
            try:
                async with self.database.write_session() as session:
                    await self._send_row(session, source, row_id, now)
            except MailServerUnreachable as error:
                logger.warning("mail waits for the mail server", kind=source.name, error=str(error))
                return

    async def _send_row(
        self, session: WriteSession, source: MailSource[Row], row_id: int, now: datetime
    ) -> None:
        row = await source.lock_row(session, row_id, now=now)
        if row is None:
            return
        try:
            # The lock is older than the savepoint, so a rollback to the savepoint keeps it.
            async with session.begin_nested():
                messages = await source.prepare_messages(session, row)
                await session.flush()  # errors of the database show up before anything is sent
                for message in messages:
                    await self._send_message(message, source.name, row_id, now)
        except MessageDeferred as error:
            logger.info("a message waits", kind=source.name, row=row_id, error=str(error))
            await session.refresh(row)
            source.postpone(row, now=now)

    async def _send_message(self, message: TemplatedMessage, kind: str, row_id: int, now: datetime) -> None:
        with using_language(message.language):
            parts = render_mail(message.template, site_name=self.site_name, **message.variables)
        composed = compose_message(
            sender=self.sender,
            recipient=message.recipient,
            subject=parts.subject,
            text=parts.text,
            html=parts.html,
            now=now,
        )
        try:
            await self.mailer.send(composed, sender=parse_address(self.sender), recipient=message.recipient)
        except MessageRefused as error:
            logger.warning("a message was refused", kind=kind, row=row_id, error=str(error))
        except MessageUncertain as error:
            logger.warning("a message may not have been sent", kind=kind, row=row_id, error=str(error))
