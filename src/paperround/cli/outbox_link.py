"""Makes the link with which the outbox is opened in a browser."""

from __future__ import annotations

from paperround import mail
from paperround.cli.context import CommandNotPossible
from paperround.database import utc_now
from paperround.mail import outbox_keys
from paperround.settings import Settings


def make_outbox_link(settings: Settings) -> str:
    """Make an address that opens the outbox in a browser, once. Raises `CommandNotPossible`."""
    try:
        key = outbox_keys.make_key(mail.open_outbox(settings), now=utc_now())
    except OSError as error:
        raise CommandNotPossible(
            f"The outbox can't be written to: {error}.", advice="Run Paperround as the folder's owner."
        ) from error
    return f"{settings.address}/outbox/open/{key}"
