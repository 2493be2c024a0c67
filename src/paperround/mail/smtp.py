"""Hands messages to an SMTP server, on several connections that are reused.

The last line of a message, a dot, is sent by itself after all the rest. Until then the server can't have
accepted the message. After it, only the server's answer tells whether it has.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Final, cast

import aiosmtplib
from aiosmtplib import SMTPConnectError, SMTPException

from paperround import metrics, traces
from paperround.mail.errors import (
    MailError,
    MailServerUnreachable,
    MessageDeferred,
    MessageRefused,
    MessageUncertain,
    Stage,
)
from paperround.mail.message import to_bytes
from paperround.mail.smtp_connection import SmtpDialogue, SmtpReply
from paperround.mail.smtp_url import SmtpServer
from paperround.outbound.certificates import CertificatesUnusable, create_tls_context, explain_distrust

# Blanks, control characters and angle brackets are not allowed.
MAILBOX_PATTERN: Final = re.compile(r"[!-;=?A-~]+@[!-;=?A-~]+", re.ASCII)
SERVICE_CLOSING: Final = 421  # the server is about to hang up
STAGES: Final[tuple[tuple[Stage, frozenset[int]], ...]] = (
    ("sender", frozenset({250})),
    ("recipient", frozenset({250, 251})),
    ("message", frozenset({354})),
)


@dataclass(frozen=True)
class SmtpTimeouts:
    """How many seconds to wait. The defaults are the minimum of RFC 5321 (4.5.3.2)."""

    connect: float = 30
    command: float = 300
    outcome: float = 600


@dataclass
class SmtpConnection:
    """An open connection and its state.

    `client` owns the transport and must live as long. A `used` connection may have gone stale. On a `dirty`
    one an envelope was begun. With `pipelining` the server takes several commands at once (RFC 2920).
    """

    dialogue: SmtpDialogue
    client: aiosmtplib.SMTP
    pipelining: bool
    used: bool = False
    dirty: bool = False


class SmtpMailer:
    """Sends messages on at most `connections` connections to one server."""

    def __init__(self, server: SmtpServer, *, connections: int, timeouts: SmtpTimeouts) -> None:
        self._server = server
        self._timeouts = timeouts
        self._slots = asyncio.Semaphore(connections)
        self._idle: list[SmtpConnection] = []

    async def send(self, message: EmailMessage | bytes, *, sender: str, recipient: str) -> str:
        """Hand a message over and return the server's answer. Raises a `MailError`."""
        if not (MAILBOX_PATTERN.fullmatch(sender) and MAILBOX_PATTERN.fullmatch(recipient)):
            raise MessageRefused("This address can't be written in SMTP.", stage="recipient")
        commands = (f"MAIL FROM:<{sender}>\r\n", f"RCPT TO:<{recipient}>\r\n", "DATA\r\n")
        envelope = tuple(command.encode() for command in commands)
        body = stuff_dots(to_bytes(message))
        async with self._slots:
            with metrics.measure(metrics.SMTP_DURATION), traces.span("smtp", "client"):
                return await self._send_on_any(envelope, body)

    async def _send_on_any(self, envelope: tuple[bytes, ...], body: bytes) -> str:
        """Send on an idle connection, and once more on a new one if that had gone stale."""
        connection = await self._get_connection()
        try:
            return await self._send_message(connection, envelope, body)
        except MailServerUnreachable:
            if not connection.used:
                raise
        finally:
            self._keep_idle(connection)
        # The connection had gone stale: servers hang up on clients that are silent for a while.
        connection.dialogue.close()
        connection = await self._connect()
        try:
            return await self._send_message(connection, envelope, body)
        finally:
            self._keep_idle(connection)

    async def connect(self) -> None:
        """Open a connection and keep it for the next message. Raises `MailServerUnreachable`."""
        async with self._slots:
            self._keep_idle(await self._get_connection())

    async def close(self) -> None:
        """Close every idle connection."""
        while self._idle:
            connection = self._idle.pop()
            with suppress(OSError):
                connection.dialogue.write(b"QUIT\r\n")
                await connection.dialogue.read_reply(2)
            connection.dialogue.close()

    def _keep_idle(self, connection: SmtpConnection) -> None:
        if connection.dialogue.is_open:
            connection.used = True
            self._idle.append(connection)

    async def _get_connection(self) -> SmtpConnection:
        """Return an idle connection on which the server still answers, or open one."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.dialogue.is_open:
                continue
            if not connection.dirty:
                return connection
            with suppress(OSError):
                connection.dialogue.write(b"RSET\r\n")
                if (await connection.dialogue.read_reply(self._timeouts.command)).code == 250:
                    connection.dirty = False
                    return connection
            connection.dialogue.close()
        return await self._connect()

    async def _connect(self) -> SmtpConnection:
        server = self._server
        try:
            tls_context = create_tls_context() if server.protection != "none" else None
        except CertificatesUnusable as error:
            raise MailServerUnreachable(error.detail) from error
        client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.user,
            password=server.password,
            local_hostname=socket.gethostname() or "localhost",
            timeout=self._timeouts.connect,
            use_tls=server.protection == "tls",
            start_tls=server.protection == "starttls",
            tls_context=tls_context,
        )
        try:
            await client.connect()
            if client.is_ehlo_or_helo_needed:
                await client.ehlo()
        except (SMTPException, OSError, ValueError) as error:
            client.close()
            raise MailServerUnreachable(
                f"{server.host}:{server.port} does not take our mail: {_describe_error(error)}"
            ) from error
        dialogue = SmtpDialogue(cast(asyncio.Transport, client.transport))
        return SmtpConnection(dialogue, client, client.supports_extension("pipelining"))

    async def _send_message(
        self, connection: SmtpConnection, envelope: tuple[bytes, ...], body: bytes
    ) -> str:
        dialogue = connection.dialogue
        connection.dirty = True
        try:
            await self._send_envelope(connection, envelope)
            dialogue.write(body)
            await dialogue.wait_until_flushed(self._timeouts.command)
        except OSError as error:
            dialogue.close()
            raise MailServerUnreachable(f"The connection was lost: {_describe_error(error)}") from error
        except asyncio.CancelledError:
            dialogue.close()  # the replies to come would belong to this message
            raise
        response = await self._send_final_dot(dialogue)
        connection.dirty = False
        return response

    async def _send_envelope(self, connection: SmtpConnection, envelope: tuple[bytes, ...]) -> None:
        """Send sender, recipient and DATA. Raises the error of the first reply that is not a success."""
        dialogue = connection.dialogue
        if connection.pipelining:
            dialogue.write(b"".join(envelope))
        error: MailError | None = None
        for command, (stage, success_codes) in zip(envelope, STAGES, strict=True):
            if not connection.pipelining:
                dialogue.write(command)
            reply = await dialogue.read_reply(self._timeouts.command)
            if reply.code == SERVICE_CLOSING:
                dialogue.close()
                raise error or MailServerUnreachable(_clean_line(reply.text), code=reply.code, stage=stage)
            if reply.code not in success_codes:
                error = error or _build_error(reply, stage)
            elif error and stage == "message":
                dialogue.close()  # the server waits for a message that has no recipient
            if error and not connection.pipelining:
                raise error
        if error:
            raise error

    async def _send_final_dot(self, dialogue: SmtpDialogue) -> str:
        try:
            dialogue.write(b".\r\n")
            reply = await dialogue.read_reply(self._timeouts.outcome)
        except OSError as error:
            dialogue.close()
            raise MessageUncertain(
                f"No answer came after the message: {_describe_error(error)}", stage="message"
            ) from error
        except asyncio.CancelledError:
            dialogue.close()
            raise
        if reply.code == SERVICE_CLOSING:
            dialogue.close()
        if 400 <= reply.code < 600:
            raise _build_error(reply, "message")
        if not 200 <= reply.code < 300:  # neither "taken" nor "not taken", and what comes next is a guess
            dialogue.close()
            raise MessageUncertain(_clean_line(reply.text), code=reply.code, stage="message")
        return f"{reply.code} {_clean_line(reply.text)}"


def stuff_dots(body: bytes) -> bytes:
    """Double the dot at the beginning of a line, because a lone dot would end the message."""
    first_dot = b"." if body.startswith(b".") else b""
    return first_dot + body.replace(b"\r\n.", b"\r\n..")


def _build_error(reply: SmtpReply, stage: Stage) -> MailError:
    error_class = MessageRefused if 500 <= reply.code < 600 else MessageDeferred
    return error_class(_clean_line(reply.text), code=reply.code, stage=stage)


def _clean_line(text: str) -> str:
    """Put a server's answer on one line of at most 500 characters that PostgreSQL can store."""
    return " ".join(text.encode(errors="replace").decode().replace("\0", "").split())[:500]


def _describe_error(error: BaseException) -> str:
    distrust = explain_distrust(error)
    if distrust is not None:
        return distrust
    if isinstance(error, SMTPConnectError) and error.__cause__ is not None:
        error = error.__cause__
    code = getattr(error, "code", "")
    return _clean_line(f"{code} {getattr(error, 'message', '') or error or type(error).__name__}")


@asynccontextmanager
async def open_smtp(
    server: SmtpServer, *, connections: int = 4, timeouts: SmtpTimeouts | None = None
) -> AsyncIterator[SmtpMailer]:
    """Open a mailer. It connects with the first message."""
    mailer = SmtpMailer(server, connections=connections, timeouts=timeouts or SmtpTimeouts())
    try:
        yield mailer
    finally:
        await mailer.close()
