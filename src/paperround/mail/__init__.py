"""Sends composed messages to an SMTP server, or to the outbox while none is set.

This package knows no reader and no paper.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import EmailMessage
from typing import Protocol

from paperround.mail.envelope import Envelope
from paperround.mail.errors import (
    MailError,
    MailServerUnreachable,
    MailSettingsError,
    MessageDeferred,
    MessageRefused,
    MessageUncertain,
)
from paperround.mail.message import compose_message
from paperround.mail.outbox import Outbox
from paperround.mail.smtp import open_smtp
from paperround.mail.smtp_url import SmtpServer
from paperround.settings import Settings

__all__ = [
    "Envelope",
    "MailError",
    "MailServerUnreachable",
    "MailSettingsError",
    "Mailer",
    "MessageDeferred",
    "MessageRefused",
    "MessageUncertain",
    "Outbox",
    "compose_message",
    "open_mailer",
    "open_outbox",
]  # fmt: skip


class Mailer(Protocol):
    """Something that messages can be handed to."""

    async def send(
        self,
        message: EmailMessage | bytes,
        *,
        sender: str,
        recipient: str,
        following: Envelope | None = None,
    ) -> str:
        """Send one message to one address and return the server's answer. Raises a `MailError`.

        `sender` and `recipient` are bare addresses. Bounces go to `sender`. `following` is the envelope of
        the message that probably comes next.
        """


@asynccontextmanager
async def open_mailer(settings: Settings, *, connections: int = 4) -> AsyncIterator[Mailer]:
    """Open the mailer that the settings ask for. Raises `MailSettingsError`."""
    if settings.smtp_url is None:
        yield open_outbox(settings)
        return
    async with open_smtp(
        SmtpServer.parse(settings.smtp_url.get_secret_value()), connections=connections
    ) as smtp_mailer:
        yield smtp_mailer


def open_outbox(settings: Settings) -> Outbox:
    """Open the outbox in the data folder."""
    return Outbox(settings.data_dir / "outbox")
