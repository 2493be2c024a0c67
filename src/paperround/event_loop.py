"""A coroutine as the whole of a process's work."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import Any, Final, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run(main: Callable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run `main` in an event loop of its own, in the main thread, and return its result.

    Raises KeyboardInterrupt where a signal interrupts it, as `asyncio.run` does. With `asyncio.run` a signal
    that comes while the loop is made leaves half a loop behind, and Python reports that with a traceback.
    """
    return run_on(None, partial(main, *args, **kwargs))


def run_on(
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None, main: Callable[[], Coroutine[Any, Any, T]]
) -> T:
    """Do as `run` does, on a loop that `loop_factory` makes."""
    runner = asyncio.Runner(loop_factory=loop_factory)
    try:
        with hold_signals():
            runner.get_loop()
        coroutine = main()
        try:
            return runner.run(coroutine)
        finally:
            coroutine.close()  # a signal may have come before it began
    finally:
        runner.close()


@contextmanager
def hold_signals() -> Iterator[None]:
    """Hold what would stop the process until the block is done, whichever thread it reaches."""
    held: list[int] = []

    def hold(number: int, _frame: FrameType | None) -> None:
        held.append(number)

    handlers = {name: signal.signal(name, hold) for name in STOP_SIGNALS}
    try:
        yield
    finally:
        for name, handler in handlers.items():
            signal.signal(name, handler)
        for number in held:
            signal.raise_signal(number)
