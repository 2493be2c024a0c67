"""An SMTP server in a process to be killed. It records each message before it answers 250.

    python sink_child.py PORT FILE DELAY

With PORT 0 it takes any port. The port is printed. FILE gets a line with the Message-ID of each message,
unless it is `-`. The answer 250 comes DELAY seconds after that.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import cast

TAKEN = b"250 taken\r\n"
OK = b"250 ok\r\n"
ANSWERS = {b"DATA": b"354 go\r\n", b"QUIT": b"221 bye\r\n", b"EHLO": b"250-sink\r\n250 PIPELINING\r\n"}


class Conversation(asyncio.Protocol):
    def __init__(self, record: int | None, delay: float) -> None:
        self.record = record
        self.delay = delay
        self.buffer = bytearray()
        self.in_body = False
        self.is_taking = False  # what came with a message is answered after it

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.say(b"220 sink\r\n")

    def say(self, answer: bytes) -> None:
        self.transport.write(answer)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        self._work()

    def _work(self) -> None:
        while not self.is_taking and self._step():
            pass

    def _step(self) -> bool:
        end = self.buffer.find(b"\r\n.\r\n" if self.in_body else b"\r\n")
        if end < 0:
            return False
        size = 5 if self.in_body else 2
        part = bytes(self.buffer[:end])
        del self.buffer[: end + size]
        if self.in_body:
            self.in_body = False
            self._take(part)
        else:
            self._command(part[:4].upper())
        return True

    def _take(self, body: bytes) -> None:
        if self.record is not None:
            start = body.index(b"Message-ID: ") + 12
            os.write(self.record, body[start : body.index(b"\r\n", start)] + b"\n")
        if self.delay:
            self.is_taking = True
            asyncio.get_running_loop().call_later(self.delay, self._taken)
        else:
            self.say(TAKEN)

    def _taken(self) -> None:
        self.is_taking = False
        self.say(TAKEN)
        self._work()

    def _command(self, verb: bytes) -> None:
        self.in_body = verb == b"DATA"
        self.say(ANSWERS.get(verb, OK))
        if verb == b"QUIT":
            self.transport.close()


async def main(port: int, file: str, delay: float) -> None:
    record = None if file == "-" else os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Conversation(record, delay), "127.0.0.1", port)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], float(sys.argv[3])))
