"""Several web processes on one address: replaced and started again without a request lost."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from paperround.handover import bound_sockets
from paperround.privileges import Launch
from paperround.web_processes import WebProcesses

CHILD = Path(__file__).parent / "support" / "web_child.py"
Answers = Counter[str]


@pytest.fixture
def running(tmp_path: Path) -> Any:
    """Two processes of `support/web_child.py`, and the port that they share."""

    environment = dict(os.environ) | {"FAILS_TO_START": str(tmp_path / "fails")}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)

    def plan(arguments: Sequence[str]) -> Launch:
        return Launch((sys.executable, str(CHILD), *arguments), environment)

    @asynccontextmanager
    async def run() -> AsyncIterator[tuple[WebProcesses, int]]:
        stop = asyncio.Event()
        with bound_sockets("127.0.0.1", 0) as listeners:
            web = WebProcesses(plan, listeners, 2)
            task = asyncio.create_task(web.run(stop))
            try:
                await asyncio.wait_for(web.are_served.wait(), 60)
                yield web, listeners[0].getsockname()[1]
            finally:
                stop.set()
                await asyncio.wait_for(task, 60)

    return run


async def ask(port: int) -> str:
    """The answer's body, on a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        return (await exchange(reader, writer))[0]
    finally:
        writer.close()


async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[str, bool]:
    """The body of an answer, and whether the connection stays open."""
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    assert head.startswith("http/1.1 200"), head
    size = int(head.split("content-length: ")[1].split("\r\n")[0])
    return (await reader.readexactly(size)).decode(), "connection: close" not in head


async def hammer(port: int, answers: Answers, stop: asyncio.Event, *, keeps_connection: bool) -> None:
    """Ask again and again, on one connection as long as the server keeps it, or on a new one each time."""
    while not stop.is_set():
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        is_open = True
        while is_open and not stop.is_set():
            body, is_open = await exchange(reader, writer)
            answers[body] += 1
            is_open = is_open and keeps_connection
            await asyncio.sleep(0.001)
        writer.close()


async def until(condition: Callable[[], bool], answers: Answers, *clients: asyncio.Task[None]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.02)
            for client in clients:
                assert not client.done(), client.exception()
    answers.clear()


async def test_processes_are_replaced_one_after_the_other_and_no_request_is_lost(
    running: Any, tmp_path: Path
) -> None:
    answers, stop = Answers(), asyncio.Event()
    async with running() as (web, port):
        clients = [
            asyncio.create_task(hammer(port, answers, stop, keeps_connection=number % 2 == 0))
            for number in range(6)
        ]
        await until(lambda: len(answers) == 2, answers, *clients)
        before = pids(web)

        (tmp_path / "fails").touch()
        with capture_logs() as log:
            web.reload()
            await until(lambda: any("stay" in line["event"] for line in log), answers, *clients)
        assert pids(web) == before
        (tmp_path / "fails").unlink()

        web.reload()
        await until(lambda: not before & pids(web) and len(pids(web)) == 2, answers, *clients)
        await until(lambda: len(answers.keys() - before) == 2, answers, *clients)
        stop.set()
        await asyncio.gather(*clients)


def pids(web: WebProcesses) -> set[str]:
    return {str(slot.member.process.pid) for slot in web._slots if slot.member}


async def test_a_killed_process_is_started_again_while_the_other_one_answers(running: Any) -> None:
    async with running() as (web, port):
        first, other = sorted(pids(web))
        os.kill(int(first), signal.SIGKILL)
        async with asyncio.timeout(60):
            while first in pids(web) or len(pids(web)) < 2:
                with suppress(ConnectionError, asyncio.IncompleteReadError):  # of the killed one
                    assert await ask(port) in (first, other, *pids(web))
                await asyncio.sleep(0.01)
            while {await ask(port) for _ in range(10)} == {other}:
                await asyncio.sleep(0.01)
