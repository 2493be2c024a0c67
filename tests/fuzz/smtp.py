"""A mail server whose every answer is made of the input, and the client that must not be led astray."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from email.message import EmailMessage
from typing import Final

from paperround.mail.errors import MailError
from paperround.mail.smtp import SmtpTimeouts, open_smtp
from paperround.mail.smtp_url import SmtpServer

# Where both sides wait for each other, the client gives up, which is no finding.
TIMEOUTS: Final = SmtpTimeouts(connect=0.1, command=0.1, outcome=0.1)
COMMANDS: Final = (b"EHLO", b"HELO", b"MAIL", b"RCPT", b"DATA", b"RSET", b"QUIT", b".\r")


def converse(data: bytes) -> None:
    """Send a message to a server that answers with the lines of `data`, and then hangs up."""
    asyncio.run(_converse(data))


async def _converse(data: bytes) -> None:
    taken: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, ValueError, asyncio.IncompleteReadError, asyncio.CancelledError):
            for line in re.split(rb"(?<=\n)", data)[:200]:
                writer.write(line)
                await writer.drain()
                is_continued = line[3:4] == b"-" or not line.strip()
                if is_continued:
                    continue
                said = await reader.readline()
                while said and not said.startswith(COMMANDS):
                    said = await reader.readline()
                if said == b".\r\n":
                    taken.append(said)
        writer.transport.abort()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    message = EmailMessage()
    message["Subject"] = "A letter"
    message.set_content("to a server of an odd kind")
    try:
        async with open_smtp(
            SmtpServer.parse(f"smtp://127.0.0.1:{port}?tls=off"), timeouts=TIMEOUTS
        ) as mailer:
            with suppress(MailError):
                reply = await mailer.send(message, sender="papers@example.org", recipient="ada@example.org")
                if not (taken and reply.startswith("2") and "\0" not in reply):
                    raise AssertionError(f"a message counts as sent that no server took: {reply!r}")
    finally:
        server.close()
