"""What commands say: to the terminal, in colour where there is one.

A module of its own, because rich is 3 MB that the processes of `up` never draw with.
"""

from __future__ import annotations

from typing import NoReturn

from rich.console import Console
from rich.markup import escape

console = Console(stderr=True, highlight=False)  # what commands say about their work
output = Console(highlight=False)  # what they were asked for


def fail(sentence: str) -> NoReturn:
    """Show what went wrong and end with exit code 1."""
    console.print(f"[bold red]paperround:[/] {escape(sentence)}", soft_wrap=True)
    raise SystemExit(1)
