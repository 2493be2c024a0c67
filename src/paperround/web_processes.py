"""Runs several web processes on one address: starts again what dies, and replaces all, one after the other.

The sockets are ours, and each process accepts from all of them. So a connection that comes while a process
ends waits for another one and is never refused, which `SO_REUSEPORT` could not promise: there each process
has a queue of its own, and what waits in it ends with its process.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import structlog

from paperround import shared_counts, supervisor
from paperround.handover import Handover
from paperround.privileges import Launch

logger = structlog.get_logger(__name__)

START_TIMEOUT: Final = 60  # seconds that a successor has to answer requests
RETIREMENT_TIMEOUT: Final = 15  # seconds that a process has to end once a successor is there


@dataclass
class Member:
    """A running web process. `place` is which of the two members of its slot it is."""

    process: asyncio.subprocess.Process
    place: int
    ended: asyncio.Task[int]
    is_ready: asyncio.Task[bool]


@dataclass
class Slot:
    """The place of one process. While it is replaced there are two, so it has two regions of the counts."""

    number: int
    member: Member | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class WebProcesses:
    """`count` processes that serve `listeners`, started as `plan` says for a command's arguments.

    `are_served` is set once the first one answers.
    """

    def __init__(
        self, plan: Callable[[Sequence[str]], Launch], listeners: Sequence[socket.socket], count: int
    ) -> None:
        self._plan = plan
        self._listeners = [listener.fileno() for listener in listeners]
        self._slots = [Slot(number) for number in range(count)]
        self._files = [shared_counts.create_file(2 * count) for _ in ("connections", "costs")]
        self._reload = asyncio.Event()
        self.are_served = asyncio.Event()

    def reload(self) -> None:
        """Replace all processes, one after the other. Once more if that is under way."""
        self._reload.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Keep the processes running until `stop` is set."""
        reloading = asyncio.create_task(self._reload_when_told())
        try:
            await asyncio.gather(*(self._keep(slot, stop) for slot in self._slots))
        finally:
            reloading.cancel()
            with suppress(asyncio.CancelledError):
                await reloading
            members = [slot.member for slot in self._slots if slot.member]
            await asyncio.gather(*(supervisor.stop_process(m.process, m.ended) for m in members))

    async def _keep(self, slot: Slot, stop: asyncio.Event) -> None:
        """Start the slot's process again whenever it ends by itself."""
        wait = supervisor.FIRST_RESTART_DELAY
        while not stop.is_set():
            started = time.monotonic()
            async with slot.lock:
                if slot.member is None:
                    slot.member = await self._start(slot, place=0)
            member = slot.member
            if member is not None:
                await supervisor.wait_for_first(member.ended, stop)
                if stop.is_set() or slot.member is not member:  # or it was replaced
                    continue
                logger.error(
                    "ended by itself; starting it again", child="web", code=member.process.returncode
                )
                slot.member = None
            wait = supervisor.next_delay(wait, since=started)
            await supervisor.sleep_unless_stopped(wait, stop)

    async def _start(self, slot: Slot, place: int) -> Member | None:
        """Start a process for the slot. Returns None if the system refuses it."""
        readable, writable = os.pipe()
        number = 2 * slot.number + place
        connections, costs = self._files
        members = 2 * len(self._slots)
        handover = Handover(self._listeners, connections, costs, writable, number, members)
        try:
            launch = self._plan(["web", "--handover", handover.to_argument()])
            process = await supervisor.spawn(launch, handover.descriptors)
        except OSError as error:
            os.close(readable)
            logger.error("can't be started; next try soon", child="web", error=str(error))  # noqa: TRY400
            return None
        finally:
            os.close(writable)
        is_ready = asyncio.create_task(self._await_readiness(readable))
        return Member(process, place, asyncio.create_task(process.wait()), is_ready)

    async def _await_readiness(self, pipe: int) -> bool:
        """Wait until the process answers requests (True) or has ended before it did."""
        readable = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(pipe, readable.set)
        try:
            await readable.wait()
            is_ready = bool(os.read(pipe, 1))
        finally:
            loop.remove_reader(pipe)
            os.close(pipe)
        if is_ready:
            self.are_served.set()
        return is_ready

    async def _reload_when_told(self) -> None:
        while True:
            await self._reload.wait()
            self._reload.clear()
            logger.info("replacing the web processes")
            for slot in self._slots:
                if not await self._replace(slot):
                    break
            else:
                logger.info("all web processes are new")

    async def _replace(self, slot: Slot) -> bool:
        """Start a successor and, once it answers, let its predecessor end. Returns False if it doesn't."""
        async with slot.lock:
            before = slot.member
            successor = await self._start(slot, place=1 - before.place if before else 0)
            try:
                if successor is not None and await self._becomes_ready(successor):
                    slot.member = successor
            finally:  # also where `up` stops meanwhile
                if successor is not None and slot.member is not successor:
                    await supervisor.stop_process(successor.process, successor.ended)
        if slot.member is not successor or successor is None:
            logger.error("a new web process does not start; the ones before it stay")
            return False
        if before is not None:
            await self._retire(before)
        return True

    async def _retire(self, member: Member) -> None:
        """Let a process end that has a successor."""
        try:
            with suppress(ProcessLookupError):
                member.process.send_signal(signal.SIGHUP)
            await asyncio.wait({member.ended}, timeout=RETIREMENT_TIMEOUT)
        finally:
            await supervisor.stop_process(member.process, member.ended)

    async def _becomes_ready(self, member: Member) -> bool:
        try:
            return await asyncio.wait_for(member.is_ready, START_TIMEOUT)
        except TimeoutError:
            return False
