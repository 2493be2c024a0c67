"""A composed message to an SMTP server, or to the outbox while none is set. Knows no reader and no paper."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import EmailMessage
from typing import Protocol

from paperround.mail.errors import Deferred, MailError, MailSettingsError, Refused, Uncertain, Unreachable
from paperround.mail.message import compose
from paperround.mail.outbox import Outbox
from paperround.mail.smtp import smtp
from paperround.mail.smtp_url import SmtpServer
from paperround.settings import Settings

__all__ = [
    "Deferred", "MailError", "MailSettingsError", "Mailer", "Outbox", "Refused", "Uncertain", "Unreachable",
    "compose", "mailer", "outbox",
]  # fmt: skip


class Mailer(Protocol):
    async def send(self, message: EmailMessage | bytes, *, sender: str, recipient: str) -> str:
        """Send one message to one address; the server's words. Raises one of the four `MailError`s.

        `sender` and `recipient` are bare addresses: where bounces go, and whom it is for.
        """


@asynccontextmanager
async def mailer(settings: Settings, *, connections: int = 4) -> AsyncIterator[Mailer]:
    """What mail is sent with. Raises `MailSettingsError`."""
    if settings.smtp_url is None:
        yield outbox(settings)
        return
    async with smtp(SmtpServer.parse(settings.smtp_url.get_secret_value()), connections=connections) as found:
        yield found


def outbox(settings: Settings) -> Outbox:
    return Outbox(settings.data_dir / "outbox")
