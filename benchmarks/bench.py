"""Runs every benchmark that needs no recorded data, and prints one table.

    python benchmarks/bench.py [--fast] [NAME …]

Each figure stands beside a baseline of the same run. `--fast` is a smoke run: everything runs, with so little
data that no figure means anything, and none is judged. The exit code is 1 where a figure misses its goal.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Iterator
from typing import Final

import answers
import batches
import growth
import morning
import processes
import structlog
from figures import Figure, print_table

BENCHMARKS: Final[dict[str, Callable[..., Iterator[Figure]]]] = {
    "answers": answers.measure_all,
    "processes": processes.measure,
    "batches": batches.measure,
    "growth": growth.measure,
    "morning": morning.measure,
}


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    is_fast = "--fast" in sys.argv
    wanted = [name for name in sys.argv[1:] if name != "--fast"] or list(BENCHMARKS)
    figures: list[Figure] = []
    for name in wanted:
        if name == "answers" and shutil.which("wrk") is None:
            print("answers: left out, since wrk is missing; Debian has a package of that name")
            continue
        began = time.monotonic()
        figures += BENCHMARKS[name](fast=is_fast)
        print(f"{name}: {time.monotonic() - began:.0f} s", flush=True)
    print_table(figures, are_judged=not is_fast)
    if not is_fast and not all(figure.is_met for figure in figures):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
