"""Hands messages to an SMTP server, on several connections that are reused.

The last line of a message, a dot, is sent after all the rest has left. Until then the server can't have
accepted the message. After it, only the server's answer tells whether it has. The envelope of the message
that follows may go with the dot (RFC 2920), which saves a round trip. That begins nothing: without its body
and a dot of its own there is no message.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Final, cast

import aiosmtplib
from aiosmtplib import SMTPConnectError, SMTPException

from paperround import metrics, traces
from paperround.mail.envelope import Commands, Envelope
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
    one an envelope was begun. With `pipelining` the server takes several commands at once (RFC 2920). `ahead`
    are commands that went with the message before, and whose replies are to come.
    """

    dialogue: SmtpDialogue
    client: aiosmtplib.SMTP
    pipelining: bool
    used: bool = False
    dirty: bool = False
    ahead: Commands | None = None


class SmtpMailer:
    """Sends messages on at most `connections` connections to one server."""

    def __init__(self, server: SmtpServer, *, connections: int, timeouts: SmtpTimeouts) -> None:
        self._server = server
        self._timeouts = timeouts
        self._slots = asyncio.Semaphore(connections)
        self._idle: list[SmtpConnection] = []

    async def send(
        self,
        message: EmailMessage | bytes,
        *,
        sender: str,
        recipient: str,
        following: Envelope | None = None,
    ) -> str:
        """Hand a message over and return the server's answer. Raises a `MailError`.

        `following` is the envelope of the message that probably comes next.
        """
        envelope = Envelope(sender, recipient).list_commands()
        if envelope is None:
            raise MessageRefused("This address can't be written in SMTP.", stage="recipient")
        body, ahead = stuff_dots(to_bytes(message)), following and following.list_commands()
        async with self._slots:
            with metrics.measure(metrics.SMTP_DURATION), traces.span("smtp", "client"):
                return await self._send_on_any(envelope, body, ahead)

    async def _send_on_any(self, envelope: Commands, body: bytes, ahead: Commands | None) -> str:
        """Send on an idle connection, and once more on a new one if that had gone stale."""
        connection = await self._get_connection(envelope)
        try:
            return await self._send_message(connection, envelope, body, ahead)
        except MailServerUnreachable:
            if not connection.used:
                raise
        finally:
            self._keep_idle(connection)
        # The connection had gone stale: servers hang up on clients that are silent for a while.
        connection.dialogue.close()
        connection = await self._connect()
        try:
            return await self._send_message(connection, envelope, body, ahead)
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
            if connection.ahead is None:  # the server would read anything else as a message
                with suppress(OSError):
                    connection.dialogue.write(b"QUIT\r\n")
                    await connection.dialogue.read_reply(2)
            connection.dialogue.close()

    def _keep_idle(self, connection: SmtpConnection) -> None:
        if connection.dialogue.is_open:
            connection.used = True
            self._idle.append(connection)

    async def _get_connection(self, envelope: Commands | None = None) -> SmtpConnection:
        """Return an idle connection on which the server still answers, or open one.

        The one where this envelope went ahead comes first. Where another one did, the server waits for that
        message, so such a connection is of no use to others.
        """
        while (connection := self._take_idle(envelope)) is not None:
            if not connection.dialogue.is_open:
                continue
            if connection.ahead is not None or not connection.dirty:
                return connection
            with suppress(OSError):
                connection.dialogue.write(b"RSET\r\n")
                if (await connection.dialogue.read_reply(self._timeouts.command)).code == 250:
                    connection.dirty = False
                    return connection
            connection.dialogue.close()
        if self._idle:
            self._idle.pop(0).dialogue.close()
        return await self._connect()

    def _take_idle(self, envelope: Commands | None) -> SmtpConnection | None:
        """Take an idle connection where this envelope went ahead, or else one where none did."""
        for ahead in (envelope, None):
            for place in reversed(range(len(self._idle))):
                if self._idle[place].ahead == ahead:
                    return self._idle.pop(place)
        return None

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
        self, connection: SmtpConnection, envelope: Commands, body: bytes, ahead: Commands | None
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
        response = await self._send_final_dot(connection, ahead)
        connection.dirty = False
        return response

    async def _send_envelope(self, connection: SmtpConnection, envelope: Commands) -> None:
        """Send sender, recipient and DATA, unless they went ahead.

        Raises the error of the first reply that is not a success.
        """
        dialogue, went_ahead = connection.dialogue, connection.ahead is not None
        connection.ahead = None
        if connection.pipelining and not went_ahead:
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

    async def _send_final_dot(self, connection: SmtpConnection, ahead: Commands | None) -> str:
        dialogue = connection.dialogue
        connection.ahead = ahead if connection.pipelining else None
        try:
            dialogue.write(b"".join((b".\r\n", *(connection.ahead or ()))))
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
