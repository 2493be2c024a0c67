"""The errors of mail: unusable settings, and the four ways in which a message can fail to be sent."""

from __future__ import annotations

from typing import Literal

from paperround.errors import PaperroundError

Stage = Literal["connection", "sender", "recipient", "message"]


class MailSettingsError(PaperroundError):
    """The mail settings can't be used. The text says which one and why."""

    title = "The mail settings can't be used"
    status = 500


class MailError(PaperroundError):
    """A message was not sent, or may not have been sent.

    `code` and `response` are the server's answer, if it gave one. `stage` is what it answered to.
    """

    title = "A message was not sent"
    status = 502

    def __init__(self, response: str, *, code: int | None = None, stage: Stage = "connection") -> None:
        self.code = code
        self.response = response
        self.stage = stage
        super().__init__(f"{code} {response}" if code else response)


class MailServerUnreachable(MailError):
    """Nothing was handed over, for a reason that would stop any other message too."""


class MessageDeferred(MailError):
    """The server put this message off (4xx)."""


class MessageRefused(MailError):
    """The server rejected this message for good (5xx)."""


class MessageUncertain(MailError):
    """The whole message was handed over, but no answer came that says whether it was taken."""
