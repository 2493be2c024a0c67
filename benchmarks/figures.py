"""A figure beside its baseline of the same run, and the table of all of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from rich.console import Console
from rich.table import Table

WIDTH: Final = 130  # columns, where the output is no terminal


@dataclass(frozen=True)
class Figure:
    """What was measured. `ours` over `baseline` is to be at least `at_least`, or at most `at_most`."""

    name: str
    ours: float
    baseline: float
    unit: str
    against: str
    at_least: float | None = None
    at_most: float | None = None

    @property
    def ratio(self) -> float:
        return self.ours / self.baseline if self.baseline else float("inf")

    @property
    def is_met(self) -> bool:
        enough = self.at_least is None or self.ratio >= self.at_least
        return enough and (self.at_most is None or self.ratio <= self.at_most)

    @property
    def goal(self) -> str:
        return f"≥ {self.at_least:g}" if self.at_least is not None else f"≤ {self.at_most:g}"


def print_table(figures: Iterable[Figure], *, are_judged: bool) -> None:
    """Print a line for each figure. A smoke run judges none."""
    console = Console(highlight=False)
    table = Table("figure", "ours", "baseline", "unit", "against", "ratio", "goal", "ok", box=None)
    for figure in figures:
        verdict = ("yes" if figure.is_met else "NO") if are_judged else "not judged"
        numbers = (f"{figure.ours:,.4g}", f"{figure.baseline:,.4g}")
        table.add_row(
            figure.name, *numbers, figure.unit, figure.against, f"{figure.ratio:.3g}", figure.goal, verdict
        )
    console.print(table, width=None if console.is_terminal else WIDTH)
