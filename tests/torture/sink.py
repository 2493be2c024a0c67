"""An SMTP server that notes what it took before it says so, and fails at any stage."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

from support.socket_server import serving_streams

STAGES = ("banner", "EHLO", "MAIL", "RCPT", "DATA", "dot")
FAULTS = (
    *(f"{stage}: hang up" for stage in STAGES),
    *(f"{stage}: 4xx" for stage in STAGES),
    *(f"{stage}: 5xx" for stage in STAGES if stage != "EHLO"),
    "dot: taken, then hang up",
    "dot: 3xx",
    "dot: slow",
    "DATA: slow",
)


@dataclass
class FaultySink:
    """`taken` has each message that the server accepted responsibility for, or may have."""

    chance: random.Random
    active_faults: set[str] = field(default_factory=set)
    share_of_faults: float = 0.3
    taken: list[EmailMessage] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    host: str = "127.0.0.1"
    port: int = 0
    seconds_a_message: float = 0

    def ids(self) -> Counter[str]:
        """How often each digest's Message-ID was taken."""
        return Counter(
            str(message["Message-ID"]) for message in list(self.taken) if message["List-Unsubscribe"]
        )

    @contextmanager
    def running(self) -> Iterator[None]:
        with serving_streams(self._talk, self.host, self.port) as self.port:
            yield

    def _fault(self, stage: str) -> str | None:
        faults = sorted(fault for fault in self.active_faults if fault.startswith(f"{stage}:"))
        if not faults or self.chance.random() > self.share_of_faults:
            return None
        fault = self.chance.choice(faults)
        self.faults[fault] += 1
        return fault.partition(": ")[2]

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            await self._conversation(reader, writer)
        writer.transport.abort()

    async def _conversation(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        usual = {"EHLO": "250-sink\r\n250 PIPELINING", "DATA": "354 go on", "QUIT": "221 bye"}
        if not await self._reply(writer, "banner", "220 sink"):
            return
        while line := (await reader.readline()).decode(errors="replace").strip():
            verb = line.partition(" ")[0].upper()
            answer = await self._reply(writer, verb, usual.get(verb, "250 ok"))
            if not answer or verb == "QUIT":
                return
            if answer.startswith("354"):
                body = (await reader.readuntil(b"\r\n.\r\n"))[:-3].replace(b"\r\n..", b"\r\n.")
                if not await self._end(writer, body):
                    return

    async def _end(self, writer: asyncio.StreamWriter, body: bytes) -> bool:
        fault = self._fault("dot")
        await asyncio.sleep(self.seconds_a_message)
        if fault == "slow":
            await asyncio.sleep(self.chance.random() * 2)
        if fault in (None, "slow", "taken, then hang up", "3xx"):
            self.taken.append(message_from_bytes(body, policy=policy.default))
        if fault in ("hang up", "taken, then hang up"):
            return False
        reply = {"4xx": "451 later", "5xx": "554 no", "3xx": "354 what"}.get(fault or "", "250 taken")
        writer.write(f"{reply}\r\n".encode())
        await writer.drain()
        return True

    async def _reply(self, writer: asyncio.StreamWriter, stage: str, usual: str) -> str | None:
        fault = self._fault(stage)
        if fault == "slow":
            await asyncio.sleep(self.chance.random() * 2)
        elif fault == "hang up":
            return None
        answer = {"4xx": "451 later", "5xx": "554 no"}.get(fault or "", usual)
        if stage == "banner" and fault in ("4xx", "5xx"):
            answer = {"4xx": "421 busy", "5xx": "554 no"}[fault]
        writer.write(f"{answer}\r\n".encode())
        await writer.drain()
        return answer
