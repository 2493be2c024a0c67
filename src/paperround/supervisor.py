"""Runs PostgreSQL and our own processes as children of `up`: watches, restarts and stops them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import structlog

from paperround.errors import PaperroundError
from paperround.failures import REMINDER_INTERVAL, explain, is_out_of_room, summarise
from paperround.postgres import EmbeddedPostgres
from paperround.privileges import Launch

logger = structlog.get_logger(__name__)

STOP_TIMEOUT: Final = 10  # seconds that a process has to stop by itself
FIRST_RESTART_DELAY: Final = 0.5  # seconds before a process that died is started again; doubles
MAX_RESTART_DELAY: Final = 30.0
STEADY_AFTER: Final = 60.0  # seconds after which a start counts as good
MAX_OUTAGE_DELAY: Final = 5.0  # seconds between two attempts to reach what is away


async def keep_running(name: str, launch: Launch, stop: asyncio.Event) -> None:
    """Run a process and start it again whenever it ends, until `stop` is set."""
    wait = FIRST_RESTART_DELAY
    while not stop.is_set():
        started = time.monotonic()
        code = await run_once(name, launch, stop)
        if stop.is_set():
            return
        wait = next_delay(wait, since=started)
        if code is not None:
            logger.error("ended by itself; starting it again", child=name, code=code, wait=wait)
        await sleep_unless_stopped(wait, stop)


def next_delay(delay: float, *, since: float) -> float:
    """Return how long to wait before a process that ended is started again, given the last such delay.

    `since` is when it was started, by the monotonic clock.
    """
    is_steady = time.monotonic() - since > STEADY_AFTER
    return FIRST_RESTART_DELAY if is_steady else min(delay * 2, MAX_RESTART_DELAY)


async def run_once(name: str, launch: Launch, stop: asyncio.Event) -> int | None:
    """Run a child until it ends or `stop` is set. Returns its exit code, or None if it could not start."""
    try:
        child = await spawn(launch)
    except OSError as error:
        logger.error("can't be started; next try soon", child=name, error=str(error))  # noqa: TRY400
        return None
    ended = asyncio.create_task(child.wait())
    try:
        await wait_for_first(ended, stop)
    finally:
        await stop_process(child, ended)
    return child.returncode


async def spawn(launch: Launch, inherited: Sequence[int] = ()) -> asyncio.subprocess.Process:
    """Start a child process, which inherits these descriptors.

    It has a session of its own, so that Ctrl-C reaches only us, and a lifeline, so that it ends with us.
    """
    account = launch.account
    return await asyncio.create_subprocess_exec(
        *launch.command,
        "--lifeline",
        stdin=asyncio.subprocess.PIPE,
        env=dict(launch.environment),
        pass_fds=inherited,
        start_new_session=True,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )


async def wait_for_first(task: asyncio.Task[Any], stop: asyncio.Event, seconds: float | None = None) -> None:
    """Wait until the task is done, such as a process's end, or `stop` is set; at most so many seconds."""
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({task, stopping}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
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
        await sleep_unless_stopped(every, stop)
        if stop.is_set() or await _is_alive(server):
            continue
        logger.error("the database died; starting it again")
        await persist("the database does not start", server.start, stop, first_wait=every)


async def _is_alive(server: EmbeddedPostgres) -> bool:
    try:
        return await asyncio.to_thread(server.alive)
    except (OSError, PaperroundError):
        logger.exception("could not look after the database; next try soon")
        return True


async def persist(
    problem: str,
    attempt: Callable[[], None],
    stop: asyncio.Event,
    *,
    first_wait: float = FIRST_RESTART_DELAY,
    is_passing: Callable[[PaperroundError], bool] = lambda _: True,
) -> bool:
    """Call `attempt` in a thread until it succeeds or `stop` is set. Returns whether it succeeded.

    What fails outside of the program is told in one line, again when it changes and every minute. A failure
    for which `is_passing` is false is raised, and so is a bug.
    """
    told, told_at, wait = "", 0.0, first_wait
    while not stop.is_set():
        try:
            await asyncio.to_thread(attempt)
        except Exception as error:
            reason = explain(error)
            if reason is None or not is_passing(reason):
                raise
            summary = "no room is left on its disk" if is_out_of_room(error) else summarise(reason)
            if summary != told or time.monotonic() > told_at + REMINDER_INTERVAL:
                told, told_at = summary, time.monotonic()
                logger.error(f"{problem}; it is tried again until it does", error=summary)  # noqa: TRY400
        else:
            if told:
                logger.warning("it works again", after=problem)
            return True
        await sleep_unless_stopped(wait, stop)
        wait = min(wait * 2, MAX_OUTAGE_DELAY)
    return False


async def keep_going(name: str, run: Callable[[], Awaitable[None]], stop: asyncio.Event) -> None:
    """Call `run` again, should it end with an exception before `stop` is set. None may end `up`."""
    wait = FIRST_RESTART_DELAY
    while True:
        try:
            return await run()
        except Exception:
            logger.exception("interrupted; going on soon", task=name)
        await sleep_unless_stopped(wait, stop)
        wait = min(wait * 2, MAX_RESTART_DELAY)
        if stop.is_set():
            return None


async def sleep_unless_stopped(seconds: float, stop: asyncio.Event) -> None:
    """Sleep, at most until `stop` is set."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


def stop_on_signals(stop: asyncio.Event, also: Callable[[], None] = lambda: None) -> None:
    """Set `stop` on Ctrl-C and SIGTERM."""

    def stopping() -> None:
        also()
        stop.set()

    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stopping)


def reload_on_hangup(reload: Callable[[], None], stop: asyncio.Event) -> None:
    """Call `reload` on SIGHUP. If it came because our terminal was closed, set `stop` instead."""
    had_terminal = _has_terminal()

    def hung_up() -> None:
        if had_terminal and not _has_terminal():
            stop.set()
        else:
            reload()

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, hung_up)


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True
