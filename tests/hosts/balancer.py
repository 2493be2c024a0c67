"""A balancer before several web processes: where one takes no connection, it goes on to the next."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from support.socket_server import serving_streams

CONNECT_TIMEOUT = 2.0  # seconds
CHUNK = 65_536


class Balancer:
    """Forwards connections to web processes in turn. `url` is where it listens."""

    def __init__(self, address: str, webs: list[tuple[str, int]]) -> None:
        self.address = address
        self.webs = webs
        self.port = 0
        self._turn = 0

    @property
    def url(self) -> str:
        return f"http://{self.address}:{self.port}"

    @contextmanager
    def running(self) -> Iterator[None]:
        with serving_streams(self._forward, self.address, self.port) as self.port:
            yield

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._turn += 1
        for offset in range(len(self.webs)):
            host, port = self.webs[(self._turn + offset) % len(self.webs)]
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(CONNECT_TIMEOUT):
                    answers, requests = await asyncio.open_connection(host, port)
                await asyncio.gather(_pump(reader, requests), _pump(answers, writer))
                return
        writer.transport.abort()


async def _pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await source.read(CHUNK):
            target.write(chunk)
            await target.drain()
    target.close()
