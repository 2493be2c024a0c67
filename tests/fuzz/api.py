"""The site's own reading of requests: lines, headers and bodies, changed at will, over a socket."""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from paperround.accounts import api_keys
from paperround.accounts.tables import Scope
from paperround.database import Database
from paperround.settings import Settings
from paperround.topics import reader_topics
from paperround.topics.drafts import TopicDraft

from fuzz.targets import Run, Target, require
from support.databases import new_database
from support.factories import add_reader, utc
from support.pages import TODAY
from support.sites import running_site
from support.topic_corpus import add_three_subjects

DAY: Final = "2026-03-10"
ANSWER_TIMEOUT: Final = 60  # seconds


def api_target(server: str) -> Target:
    return Target("api", lambda: _open_site(server))


@contextmanager
def _open_site(server: str) -> Iterator[Run]:
    """A site of its own behind a "proxy", so that each request comes from another network."""
    with new_database(server) as url:
        key = asyncio.run(_fill(url))
        settings = Settings(_env_file=None, trusted_proxies="127.0.0.1", search_rate=0)
        with running_site(settings, url) as address:
            port = int(address.rpartition(":")[2])
            numbers = itertools.count()
            yield lambda data: _ask(port, _build_request(data, key, next(numbers)))


async def _fill(url: str) -> str:
    async with Database(url) as database:
        await add_three_subjects(database, day=DAY, count=12)
        reader = await add_reader(database, "ada@example.org")
        async with database.write_session() as session:
            await reader_topics.create_topic(
                session, reader.id, TopicDraft(words="honey bees"), now=utc(TODAY)
            )
            return await api_keys.create_key(
                session, reader.id, name="Fuzz", scope=Scope.write, now=utc(TODAY)
            )


def _build_request(data: bytes, key: str, number: int) -> bytes:
    """Make a request of lines, the first its method and target; what HTTP needs is added."""
    head, _, body = data.partition(b"\n\n")
    first, *lines = head.split(b"\n")
    network = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    headers = [
        *(line for line in lines if line.strip()),
        b"Host: 127.0.0.1",
        f"Authorization: Bearer {key}".encode(),
        f"X-Forwarded-For: {network}".encode(),
        f"Content-Length: {len(body)}".encode(),
        b"Connection: close",
    ]
    return b"\r\n".join([first + b" HTTP/1.1", *headers, b"", body])


def _ask(port: int, request: bytes) -> None:
    """Send a request. A server error is a finding, and so is silence. On what is no HTTP it may hang up."""
    with socket.create_connection(("127.0.0.1", port), ANSWER_TIMEOUT) as connection:
        answer = b""
        try:
            connection.sendall(request)
            while piece := connection.recv(65_536):
                answer += piece[: max(0, 200 - len(answer))]
        except ConnectionError:
            return
    status = answer.split(b" ")[1:2]
    require(not status or not status[0].startswith(b"5"), f"the site answers {answer[:120]!r}")
