"""Runs PostgreSQL and our own processes as children of `up`: watches, restarts and stops them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import structlog

from paperround.postgres import EmbeddedPostgres, PostgresError

logger = structlog.get_logger(__name__)

STOP_TIMEOUT: Final = 10  # seconds that a process has to stop by itself
FIRST_RESTART_DELAY: Final = 0.5  # seconds before a process that died is started again; doubles
MAX_RESTART_DELAY: Final = 30.0
STEADY_AFTER: Final = 60.0  # seconds after which a start counts as good


async def keep_running(
    name: str, arguments: Sequence[str], environment: Mapping[str, str], stop: asyncio.Event
) -> None:
    """Run `paperround ARGUMENTS` and start it again whenever it ends, until `stop` is set."""
    wait = FIRST_RESTART_DELAY
    while not stop.is_set():
        started = time.monotonic()
        child = await spawn(arguments, environment)
        ended = asyncio.create_task(child.wait())
        try:
            await _wait_for_first(ended, stop)
        finally:
            await stop_process(child, ended)
        if stop.is_set():
            return
        wait = (
            FIRST_RESTART_DELAY
            if time.monotonic() - started > STEADY_AFTER
            else min(wait * 2, MAX_RESTART_DELAY)
        )
        logger.error("ended by itself; starting it again", process=name, code=child.returncode, wait=wait)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), wait)


async def spawn(arguments: Sequence[str], environment: Mapping[str, str]) -> asyncio.subprocess.Process:
    """Start a child process.

    It has a session of its own, so that Ctrl-C reaches only us, and a lifeline, so that it ends with us.
    """
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "paperround",
        *arguments,
        "--lifeline",
        stdin=asyncio.subprocess.PIPE,
        env=dict(environment),
        start_new_session=True,
    )


async def _wait_for_first(ended: asyncio.Task[int], stop: asyncio.Event) -> None:
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({ended, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()


async def stop_process(child: asyncio.subprocess.Process, ended: asyncio.Task[int]) -> None:
    for how in (signal.SIGTERM, signal.SIGKILL):
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                child.send_signal(how)
            await asyncio.wait({ended}, timeout=STOP_TIMEOUT)


def hold_lifeline(stream: int = 0) -> None:
    """End this process when the one that started it dies, even by kill -9. Our input closes then."""

    def watch() -> None:
        while os.read(stream, 1024):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(STOP_TIMEOUT)
        os._exit(1)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()


async def keep_postgres(server: EmbeddedPostgres, stop: asyncio.Event, *, every: float = 1.0) -> None:
    """Start the database again whenever it no longer answers."""
    while not stop.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), every)
        if stop.is_set() or await asyncio.to_thread(server.alive):
            continue
        logger.error("the database died; starting it again")
        try:
            await asyncio.to_thread(server.start)
        except PostgresError as error:
            logger.error("the database does not start; next try soon", error=str(error))  # noqa: TRY400


def stop_on_signals(stop: asyncio.Event, also: Callable[[], None] = lambda: None) -> None:
    """Set `stop` on Ctrl-C and SIGTERM."""

    def stopping() -> None:
        also()
        stop.set()

    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stopping)
