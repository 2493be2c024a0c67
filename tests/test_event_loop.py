"""A signal stops a process quietly, also one that comes while its event loop is being made."""

import asyncio
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable

import pytest

from paperround import event_loop

# The loop takes a signal at the worst moment: half of it is made.
WITH_SIGNAL = """
    import asyncio, os, signal, sys
    from paperround import __main__, event_loop

    whole = asyncio.selector_events.BaseSelectorEventLoop._make_self_pipe
    def interrupted(self):
        os.kill(os.getpid(), signal.{name})
        for _ in range(1000):
            pass
        whole(self)
    asyncio.selector_events.BaseSelectorEventLoop._make_self_pipe = interrupted

    async def work():
        print("worked")
    signal.signal(signal.{name}, __main__._interrupt if "{name}" != "SIGINT" else signal.default_int_handler)
    try:
        {run}
    except KeyboardInterrupt:
        sys.exit(130)
"""


def run_with_signal(name: str, run: str) -> subprocess.CompletedProcess[str]:
    program = textwrap.dedent(WITH_SIGNAL).format(name=name, run=run)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_while_the_loop_is_made_stops_the_process_without_a_word(name: str) -> None:
    done = run_with_signal(name, "event_loop.run(work)")
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_python_alone_reports_half_a_loop() -> None:
    """Where this fails Python has mended it, and `event_loop` can go."""
    assert "Traceback" in run_with_signal("SIGTERM", "asyncio.run(work())").stderr


@pytest.mark.parametrize("name", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_at_work_is_an_interruption(name: signal.Signals) -> None:
    cleaned: list[str] = []

    async def work() -> None:
        asyncio.get_running_loop().call_soon(signal.raise_signal, name)
        try:
            await asyncio.sleep(60)
        finally:
            cleaned.append("up")

    handlers = {
        signal.SIGINT: signal.default_int_handler,  # a shell that starts the tests with `&` has it ignored
        signal.SIGTERM: lambda _number, _frame: signal.raise_signal(signal.SIGINT),
    }
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        with pytest.raises(KeyboardInterrupt):
            event_loop.run(work)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert cleaned == ["up"]


def test_the_result_and_errors_come_through() -> None:
    async def double(number: int, *, fail: Callable[[], None] | None = None) -> int:
        if fail:
            raise ValueError(number)
        return number * 2

    assert event_loop.run(double, 4) == 8
    with pytest.raises(ValueError, match="5"):
        event_loop.run(double, 5, fail=lambda: None)
