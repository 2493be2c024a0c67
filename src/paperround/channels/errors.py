"""The errors of channels: an address that can't be used, and the ways in which a message isn't taken."""

from __future__ import annotations

from datetime import timedelta

from paperround.errors import PaperroundError
from paperround.i18n.messages import mark_message


class ChannelAddressInvalid(PaperroundError):
    """This can't be the address of a channel. The text says what is wrong and never repeats the address."""

    title = mark_message("Not an address of a channel")
    status = 400


class SecretUnreadable(PaperroundError):
    """What was encrypted can't be read with the site's keys of today."""

    title = mark_message("A secret can’t be read")
    status = 409


class ChannelError(PaperroundError):
    """A message was not taken, or may not have been taken.

    `code` is the status of the answer, if one came. The text is ours: it repeats nothing secret.
    """

    title = mark_message("A channel did not take a message")
    status = 502

    def __init__(self, response: str, *, code: int | None = None, wait: timedelta = timedelta(0)) -> None:
        self.code = code
        self.response = response
        self.wait = wait  # how long the other side asks for
        super().__init__(response)


class ChannelUnavailable(ChannelError):
    """It was certainly not taken, and may be tried again."""


class ChannelGone(ChannelError):
    """The other side says that nothing will ever be taken there again (410)."""


class ChannelAnswerLost(ChannelError):
    """It was handed over, and no answer says whether it was taken."""
