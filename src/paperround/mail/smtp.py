"""Handing messages to an SMTP server: connections reused, several at once, each outcome told apart.

The last line of a message, the dot, goes out by itself after all the rest. Until then nothing can have been
taken; after it only the server's answer tells.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Final, cast

import aiosmtplib
from aiosmtplib import SMTPConnectError, SMTPException

from paperround.mail.errors import Deferred, MailError, Refused, Stage, Uncertain, Unreachable
from paperround.mail.message import as_bytes
from paperround.mail.smtp_connection import Dialogue, Reply
from paperround.mail.smtp_url import SmtpServer

MAILBOX: Final = re.compile(r"[!-;=?A-~]+@[!-;=?A-~]+", re.ASCII)  # no blanks, controls or angle brackets
CLOSING: Final = 421  # the server hangs up
STAGES: Final[tuple[tuple[Stage, frozenset[int]], ...]] = (
    ("sender", frozenset({250})),
    ("recipient", frozenset({250, 251})),
    ("message", frozenset({354})),
)


@dataclass(frozen=True)
class Patience:
    """Seconds to wait; RFC 5321 (4.5.3.2) asks for these at least."""

    connect: float = 30
    command: float = 300
    outcome: float = 600


@dataclass
class Connection:
    """`used`: it may have gone stale. `dirty`: an envelope was begun. `pipelining`: it takes several commands
    at once (RFC 2920). `client` owns the transport, and must live as long."""

    dialogue: Dialogue
    client: aiosmtplib.SMTP
    pipelining: bool
    used: bool = False
    dirty: bool = False


class Smtp:
    """A server and at most `connections` connections to it."""

    def __init__(self, server: SmtpServer, *, connections: int, patience: Patience) -> None:
        self._server = server
        self._patience = patience
        self._places = asyncio.Semaphore(connections)
        self._idle: list[Connection] = []

    async def send(self, message: EmailMessage | bytes, *, sender: str, recipient: str) -> str:
        """Hand a message over; the server's words. Raises one of the four `MailError`s."""
        if not (MAILBOX.fullmatch(sender) and MAILBOX.fullmatch(recipient)):
            raise Refused("This address can't be written in SMTP.", stage="recipient")
        commands = (f"MAIL FROM:<{sender}>\r\n", f"RCPT TO:<{recipient}>\r\n", "DATA\r\n")
        envelope = tuple(command.encode() for command in commands)
        body = stuffed(as_bytes(message))
        async with self._places:
            connection = await self._connected()
            try:
                return await self._transaction(connection, envelope, body)
            except Unreachable:
                if not connection.used:
                    raise
            finally:
                self._keep(connection)
            # It had gone stale: servers hang up on who is silent for a while.
            connection.dialogue.close()
            connection = await self._connect()
            try:
                return await self._transaction(connection, envelope, body)
            finally:
                self._keep(connection)

    async def close(self) -> None:
        """Say goodbye on every connection that idles."""
        while self._idle:
            connection = self._idle.pop()
            with suppress(OSError):
                connection.dialogue.write(b"QUIT\r\n")
                await connection.dialogue.reply(2)
            connection.dialogue.close()

    def _keep(self, connection: Connection) -> None:
        if connection.dialogue.is_open:
            connection.used = True
            self._idle.append(connection)

    async def _connected(self) -> Connection:
        """An idle connection on which the server still answers, else a new one."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.dialogue.is_open:
                continue
            if not connection.dirty:
                return connection
            with suppress(OSError):
                connection.dialogue.write(b"RSET\r\n")
                if (await connection.dialogue.reply(self._patience.command)).code == 250:
                    connection.dirty = False
                    return connection
            connection.dialogue.close()
        return await self._connect()

    async def _connect(self) -> Connection:
        server = self._server
        client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.user,
            password=server.password,
            local_hostname=socket.gethostname() or "localhost",
            timeout=self._patience.connect,
            use_tls=server.protection == "tls",
            start_tls=server.protection == "starttls",
            tls_context=ssl.create_default_context() if server.protection != "none" else None,
        )
        try:
            await client.connect()
            if client.is_ehlo_or_helo_needed:
                await client.ehlo()
        except (SMTPException, OSError, ValueError) as error:
            client.close()
            raise Unreachable(
                f"{server.host}:{server.port} does not take our mail: {_said(error)}"
            ) from error
        dialogue = Dialogue(cast(asyncio.Transport, client.transport))
        return Connection(dialogue, client, client.supports_extension("pipelining"))

    async def _transaction(self, connection: Connection, envelope: tuple[bytes, ...], body: bytes) -> str:
        dialogue = connection.dialogue
        connection.dirty = True
        try:
            await self._open(connection, envelope)
            dialogue.write(body)
            await dialogue.flushed(self._patience.command)
        except OSError as error:
            dialogue.close()
            raise Unreachable(f"The connection was lost: {_said(error)}") from error
        except asyncio.CancelledError:
            dialogue.close()  # in the middle of a conversation: nobody knows what comes next
            raise
        words = await self._final_dot(dialogue)
        connection.dirty = False
        return words

    async def _open(self, connection: Connection, envelope: tuple[bytes, ...]) -> None:
        """From whom, to whom, and leave to go on. Raises what the first refusal calls for."""
        dialogue = connection.dialogue
        if connection.pipelining:
            dialogue.write(b"".join(envelope))
        refused: MailError | None = None
        for command, (stage, wanted) in zip(envelope, STAGES, strict=True):
            if not connection.pipelining:
                dialogue.write(command)
            reply = await dialogue.reply(self._patience.command)
            if reply.code == CLOSING:
                dialogue.close()
                raise refused or Unreachable(_line(reply.words), code=CLOSING, stage=stage)
            if reply.code not in wanted:
                refused = refused or _refusal(reply, stage)
            elif refused and stage == "message":
                dialogue.close()  # it waits for a message that has nobody to go to
            if refused and not connection.pipelining:
                raise refused
        if refused:
            raise refused

    async def _final_dot(self, dialogue: Dialogue) -> str:
        try:
            dialogue.write(b".\r\n")
            reply = await dialogue.reply(self._patience.outcome)
        except OSError as error:
            dialogue.close()
            raise Uncertain(f"No answer came after the message: {_said(error)}", stage="message") from error
        except asyncio.CancelledError:
            dialogue.close()
            raise
        if reply.code == CLOSING:
            dialogue.close()
        if not 200 <= reply.code < 300:
            raise _refusal(reply, "message")
        return f"{reply.code} {_line(reply.words)}"


def stuffed(body: bytes) -> bytes:
    """Lines that begin with a dot get a second one: a lone dot would end the message."""
    first = b"." if body.startswith(b".") else b""
    return first + body.replace(b"\r\n.", b"\r\n..")


def _refusal(reply: Reply, stage: Stage) -> MailError:
    kind = Refused if 500 <= reply.code < 600 else Deferred
    return kind(_line(reply.words), code=reply.code, stage=stage)


def _line(words: str) -> str:
    """A server's answer on one line, at most 500 characters of it, as text that can be stored."""
    return " ".join(words.encode(errors="replace").decode().replace("\0", "").split())[:500]


def _said(error: BaseException) -> str:
    if isinstance(error, SMTPConnectError) and error.__cause__ is not None:
        error = error.__cause__
    code = getattr(error, "code", "")
    return _line(f"{code} {getattr(error, 'message', '') or error or type(error).__name__}")


@asynccontextmanager
async def smtp(
    server: SmtpServer, *, connections: int = 4, patience: Patience | None = None
) -> AsyncIterator[Smtp]:
    found = Smtp(server, connections=connections, patience=patience or Patience())
    try:
        yield found
    finally:
        await found.close()
