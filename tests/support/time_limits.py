"""Bounds of the time that code may take, which hold on a busy machine too."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


class TooSlow(BaseException):
    """Reading took too much processor time. No reader that catches every exception catches this one."""


@contextmanager
def limited_time(seconds: float) -> Iterator[None]:
    """Raise `TooSlow` after so many seconds of processor time, within a regular expression too.

    Time that other programs take does not count, so that a busy machine changes nothing.
    """

    def stop(*_: object) -> None:
        raise TooSlow(f"more than {seconds:.0f} s of processor time")

    previous = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, previous)
