"""The envelope of a message: what a mail server is told of it ahead of its text."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

# Blanks, control characters and angle brackets are not allowed.
MAILBOX_PATTERN: Final = re.compile(r"[!-;=?A-~]+@[!-;=?A-~]+", re.ASCII)
Commands = tuple[bytes, ...]  # sender, recipient, DATA


class Envelope(NamedTuple):
    """From which address a message comes, where its bounces go, and to which one it goes."""

    sender: str
    recipient: str

    def list_commands(self) -> Commands | None:
        """List its commands. None: an address can't be written in SMTP."""
        if not all(map(MAILBOX_PATTERN.fullmatch, self)):
            return None
        lines = (f"MAIL FROM:<{self.sender}>\r\n", f"RCPT TO:<{self.recipient}>\r\n", "DATA\r\n")
        return tuple(line.encode() for line in lines)
