"""Shows the progress of a backfill: a bar with the rate on a terminal, log lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Final, Self

import structlog
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

logger = structlog.get_logger(__name__)

LOG_INTERVAL: Final = 10.0  # seconds between two log lines


class EmbeddingProgress:
    """Use it as `with EmbeddingProgress(console) as progress`; set `total` once it is known."""

    def __init__(self, console: Console) -> None:
        self._bar = Progress(
            TextColumn("Embedding"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("papers, {task.fields[rate]:.0f} a second"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("papers", total=None, rate=0.0)
        self._logs = not console.is_terminal
        self._total = 0
        self._started = self._logged_at = time.monotonic()

    @property
    def total(self) -> int:
        """Papers to embed."""
        return self._total

    @total.setter
    def total(self, papers: int) -> None:
        self._total = papers
        self._started = time.monotonic()
        self._bar.update(self._task, total=papers)
        if self._logs:
            logger.info("embedding", papers=papers)

    def update(self, done: int) -> None:
        """The `on_progress` of `backfill_vectors`. Papers that were added meanwhile count too."""
        now = time.monotonic()
        rate = done / max(now - self._started, 1e-3)
        self._bar.update(self._task, completed=done, total=max(done, self._total), rate=rate)
        if self._logs and now - self._logged_at >= LOG_INTERVAL:
            self._logged_at = now
            logger.info("embedded", papers=done, of=max(done, self._total), a_second=round(rate, 1))

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()
