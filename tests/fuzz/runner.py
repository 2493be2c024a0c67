"""Runs targets: one input in bounded time, or as many as fit, with a failing input made small."""

from __future__ import annotations

import hashlib
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import hypothesis
from hypothesis import HealthCheck, Phase

from fuzz.targets import CORPUS, MAX_SECONDS, Run, Target
from support.time_limits import TooSlow, limited_time

MAX_SHRINKING_SECONDS: Final = 20.0  # of processor time, for which a finding is made smaller


def read_input(run: Run, data: bytes) -> None:
    with limited_time(MAX_SECONDS):
        run(data)


class Hunt:
    """The fuzzing of one target: what was tried and found."""

    def __init__(self, target: Target, run: Run) -> None:
        self.target = target
        self.run = run
        self.tried = 0
        self.slowest = 0.0  # seconds of processor time
        self.found_at: float | None = None
        self.finding: bytes | None = None
        self.error: BaseException | None = None

    def go_on(self, inputs: int, *, seed: int) -> None:
        """Try so many inputs more. Stops at the first finding, as small as it can be made."""

        @hypothesis.seed(seed)
        @hypothesis.settings(
            max_examples=inputs,
            derandomize=False,
            deadline=None,
            database=None,
            report_multiple_bugs=False,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        )
        @hypothesis.given(self.target.strategy)
        def search(data: bytes) -> None:
            self._try(data)

        with suppress(Exception):  # hypothesis raises its own where it was stopped, and `_try` has noted ours
            search()

    def _try(self, data: bytes) -> None:
        began = time.process_time()
        if self.found_at is not None and began - self.found_at > MAX_SHRINKING_SECONDS:
            return  # what was found is small enough
        try:
            read_input(self.run, data)
        except TooSlow as error:
            self._note(data, error)
            raise AssertionError(str(error)) from error  # an exception that can be shrunk
        except Exception as error:
            self._note(data, error)
            raise
        finally:
            self.tried += 1
            self.slowest = max(self.slowest, time.process_time() - began)

    def _note(self, data: bytes, error: BaseException) -> None:
        self.finding, self.error = data, error
        self.found_at = self.found_at or time.process_time()

    def keep(self) -> Path:
        """Keep the finding in the corpus, so that the tests try it from now on."""
        assert self.finding is not None
        folder = CORPUS / self.target.name
        folder.mkdir(exist_ok=True)
        file = folder / f"found-{hashlib.sha256(self.finding).hexdigest()[:10]}"
        file.write_bytes(self.finding)
        return file
