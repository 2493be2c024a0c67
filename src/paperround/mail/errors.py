"""What can become of a message that is not sent."""

from __future__ import annotations

from typing import Literal

Stage = Literal["connection", "sender", "recipient", "message"]


class MailSettingsError(ValueError):
    """The settings of mail can't be used; the text says which and why."""


class MailError(Exception):
    """MailError ── Unreachable · Deferred · Refused · Uncertain

    `code` and `words` are the server's answer, where it gave one; `stage` is what it answered to.
    """

    def __init__(self, words: str, *, code: int | None = None, stage: Stage = "connection") -> None:
        self.code = code
        self.words = words
        self.stage = stage
        super().__init__(f"{code} {words}" if code else words)


class Unreachable(MailError):
    """Nothing was handed over, and not because of this message: any other would fare the same."""


class Deferred(MailError):
    """The server said "not now" (4xx) to this message."""


class Refused(MailError):
    """The server said "no" (5xx) to this message."""


class Uncertain(MailError):
    """The whole message was handed over, and the connection was lost before the answer came."""
