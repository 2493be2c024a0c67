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
from typing import Final

import aiosmtplib
import structlog
from aiosmtplib import SMTPConnectError, SMTPException, SMTPResponse, SMTPServerDisconnected

from paperround.mail.errors import Deferred, MailError, Refused, Stage, Uncertain, Unreachable
from paperround.mail.message import as_bytes
from paperround.mail.server import SmtpServer

logger = structlog.get_logger(__name__)

MAILBOX: Final = re.compile(r"[!-;=?A-~]+@[!-;=?A-~]+", re.ASCII)  # no blanks, controls or angle brackets
CLOSING: Final = 421  # the server hangs up


@dataclass(frozen=True)
class Patience:
    """Seconds to wait; RFC 5321 (4.5.3.2) asks for these at least."""

    connect: float = 30
    command: float = 300
    outcome: float = 600


@dataclass
class Connection:
    """One connection to the server; `used`: it may have gone stale; `dirty`: an envelope was begun."""

    client: aiosmtplib.SMTP
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
        for address in (sender, recipient):
            if not MAILBOX.fullmatch(address):
                raise Refused("This address can't be written in SMTP.", stage="recipient")
        async with self._places:
            connection = await self._connected()
            try:
                words = await self._hand_over(connection, as_bytes(message), sender, recipient)
            except BaseException:
                self._keep(connection)
                raise
            self._keep(connection)
            return words

    async def close(self) -> None:
        """Say goodbye on every connection that idles."""
        while self._idle:
            client = self._idle.pop().client
            with suppress(SMTPException, OSError):
                await client.quit(timeout=2)
            client.close()

    def _keep(self, connection: Connection) -> None:
        if connection.client.is_connected:
            connection.used = True
            self._idle.append(connection)

    async def _connected(self) -> Connection:
        """An idle connection on which the server still answers, else a new one."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.client.is_connected:
                continue
            if not connection.dirty:
                return connection
            with suppress(SMTPException, OSError):
                await connection.client.rset(timeout=self._patience.command)
                connection.dirty = False
                return connection
            connection.client.close()
        return Connection(await self._connect())

    async def _connect(self) -> aiosmtplib.SMTP:
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
        return client

    async def _hand_over(self, connection: Connection, body: bytes, sender: str, recipient: str) -> str:
        try:
            return await self._transaction(connection, body, sender, recipient)
        except Unreachable:
            if not connection.used:
                raise
        connection.client.close()  # it had gone stale: servers hang up on who is silent for a while
        connection.client, connection.used, connection.dirty = await self._connect(), False, False
        return await self._transaction(connection, body, sender, recipient)

    async def _transaction(self, connection: Connection, body: bytes, sender: str, recipient: str) -> str:
        client = connection.client
        try:
            connection.dirty = True
            await self._ask(client, "sender", 250, b"MAIL", f"FROM:<{sender}>".encode())
            await self._ask(client, "recipient", 250, b"RCPT", f"TO:<{recipient}>".encode())
            await self._ask(client, "message", 354, b"DATA")
            await self._write(client, stuffed(body))
        except (SMTPException, OSError) as error:
            client.close()
            raise Unreachable(f"The connection was lost: {_said(error)}") from error
        except BaseException:
            client.close()  # cancelled in the middle of a conversation: nobody knows what comes next
            raise
        words = await self._final_dot(client)
        connection.dirty = False
        return words

    async def _ask(self, client: aiosmtplib.SMTP, stage: Stage, wanted: int, *command: bytes) -> None:
        answer = await client.execute_command(*command, timeout=self._patience.command)
        if answer.code == wanted or (stage == "recipient" and answer.code == 251):
            return
        error = _refusal(answer, stage)
        if answer.code == CLOSING:
            client.close()
            raise Unreachable(error.words, code=CLOSING, stage=stage)
        raise error

    async def _write(self, client: aiosmtplib.SMTP, body: bytes) -> None:
        """Everything but the dot, until it has left for the network."""
        protocol = client.protocol
        if protocol is None:
            raise SMTPServerDisconnected("Connection lost")
        protocol.write(body)
        transport = client.transport
        if transport is not None and transport.get_write_buffer_size():  # type: ignore[attr-defined]
            async with asyncio.timeout(self._patience.command):
                # Polled: a transport has no event for "all gone".
                while client.is_connected and transport.get_write_buffer_size():  # type: ignore[attr-defined]  # noqa: ASYNC110
                    await asyncio.sleep(0.005)
        if not client.is_connected:
            raise SMTPServerDisconnected("Connection lost")

    async def _final_dot(self, client: aiosmtplib.SMTP) -> str:
        protocol = client.protocol
        if protocol is None:
            raise Unreachable("The connection was lost.")
        try:
            protocol.write(b".\r\n")
            answer = await protocol.read_response(timeout=self._patience.outcome)
        except (SMTPException, OSError) as error:
            client.close()
            raise Uncertain(f"No answer came after the message: {_said(error)}", stage="message") from error
        except BaseException:
            client.close()
            raise
        if answer.code == CLOSING:
            client.close()
        if not 200 <= answer.code < 300:
            raise _refusal(answer, "message")
        return f"{answer.code} {_line(answer.message)}"


def stuffed(body: bytes) -> bytes:
    """Lines that begin with a dot get a second one: a lone dot would end the message."""
    return (
        body.replace(b"\r\n.", b"\r\n..") if not body.startswith(b".") else b"." + stuffed(b"\r\n" + body)[3:]
    )


def _refusal(answer: SMTPResponse, stage: Stage) -> MailError:
    kind = Refused if 500 <= answer.code < 600 else Deferred
    return kind(_line(answer.message), code=answer.code, stage=stage)


def _line(words: str) -> str:
    """A server's answer on one line, at most 500 characters of it, as text that can be stored."""
    text = " ".join(words.encode(errors="replace").decode().replace("\0", "").split())
    return text[:500]


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
