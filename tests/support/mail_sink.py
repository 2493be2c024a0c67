"""An SMTP server that accepts everything, or answers as a test wants at some stage of the conversation."""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

HANG_UP = "hang up"
SILENCE = "silence"
USUAL = {"DATA": "354 go on", "QUIT": "221 bye", "STARTTLS": "220 go ahead", "AUTH": "235 welcome"}


@dataclass(frozen=True)
class ReceivedMessage:
    sender: str
    recipient: str
    body: bytes

    @property
    def message(self) -> EmailMessage:
        return message_from_bytes(self.body, policy=policy.default)


@dataclass
class MailSink:
    """An SMTP server.

    `answer` gets a stage (connect, EHLO, MAIL, RCPT, DATA, body …) and the command's argument. What it
    returns is sent instead of the usual answer. HANG_UP closes the connection, and SILENCE never answers.
    """

    answer: Callable[[str, str], str | None] = lambda stage, argument: None
    tls: ssl.SSLContext | None = None
    implicit_tls: bool = False
    port: int = 0
    pipelining: bool = False
    received: list[ReceivedMessage] = field(default_factory=list)
    connections: int = 0
    open_connections: int = 0
    max_open_connections: int = 0
    commands: list[str] = field(default_factory=list)
    on_received: Callable[[ReceivedMessage], object] | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[MailSink]:
        server = await asyncio.start_server(
            self._talk, "127.0.0.1", self.port, ssl=self.tls if self.implicit_tls else None, limit=2**20
        )
        self.port = server.sockets[0].getsockname()[1]
        self._tasks: set[asyncio.Task[None]] = set()
        try:
            yield self
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def count_by_message_id(self) -> Counter[str]:
        """How often each Message-ID was received."""
        return Counter(message.message["Message-ID"] for message in self.received)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        self.open_connections += 1
        self.max_open_connections = max(self.max_open_connections, self.open_connections)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._conversation(reader, writer)
        finally:
            self.open_connections -= 1
            self._tasks.discard(task)
            writer.transport.abort()

    async def _conversation(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        envelope: dict[str, str] = {}
        if not await self._say(writer, "connect", "", "220 sink"):
            return
        while line := (await reader.readline()).decode().strip():
            verb, _, argument = line.partition(" ")
            verb = verb.upper()
            self.commands.append(verb)
            usual = {"EHLO": self._features(writer), "DATA": "354 go on", "QUIT": "221 bye"}.get(
                verb, "250 ok"
            )
            if verb == "STARTTLS":
                usual = "220 go ahead"
            if verb == "AUTH":
                usual = "235 welcome"
            answer = await self._say(writer, verb, argument, usual)
            if not answer or verb == "QUIT":
                return
            if verb == "STARTTLS" and answer.startswith("220"):
                assert self.tls is not None
                await writer.start_tls(self.tls)
            envelope[verb] = argument.partition("<")[2].partition(">")[0]
            if answer.startswith("354"):
                body = (await reader.readuntil(b"\r\n.\r\n"))[:-3].replace(b"\r\n..", b"\r\n.")
                if not await self._end(writer, ReceivedMessage(envelope["MAIL"], envelope["RCPT"], body)):
                    return

    async def _end(self, writer: asyncio.StreamWriter, message: ReceivedMessage) -> bool:
        answer = self.answer("body", message.recipient) or "250 taken"
        if answer.startswith("250") or answer in (HANG_UP, SILENCE):
            self.received.append(message)
            if self.on_received:
                self.on_received(message)
        return bool(await self._do(writer, answer))

    def _features(self, writer: asyncio.StreamWriter) -> str:
        is_encrypted = writer.get_extra_info("sslcontext") is not None
        extensions = ["STARTTLS"] if self.tls and not is_encrypted else []
        return (
            "\r\n".join(
                f"250-{line}"
                for line in ["sink", *extensions, *(["PIPELINING"] if self.pipelining else []), "AUTH PLAIN"]
            )
            + "\r\n250 8BITMIME"
        )

    async def _say(self, writer: asyncio.StreamWriter, stage: str, argument: str, usual: str) -> str | None:
        return await self._do(writer, self.answer(stage, argument) or usual)

    async def _do(self, writer: asyncio.StreamWriter, answer: str) -> str | None:
        if answer == HANG_UP:
            return None
        if answer == SILENCE:
            await asyncio.sleep(3600)
        writer.write(f"{answer}\r\n".encode())
        await writer.drain()
        return answer
