"""Runs `paperround` as its user does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

CHILD = Path(__file__).parent / "command_child.py"


@dataclass(frozen=True)
class CommandResult:
    """The exit code of a command, and what it wrote."""

    arguments: Sequence[str]
    code: int
    output: str
    errors: str


def command_environment(**settings: str) -> dict[str, str]:
    """The environment with these settings and no others."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PAPERROUND_")}
    return inherited | {f"PAPERROUND_{name.upper()}": value for name, value in settings.items()}


def run_command(*arguments: str, folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a command in `folder` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "paperround", *arguments],
        env=command_environment(**settings), capture_output=True, text=True, timeout=120, cwd=folder,
    )  # fmt: skip


def run_commands(*commands: Sequence[str], folder: Path, **settings: str) -> list[CommandResult]:
    """Run several commands in one process, one after the other."""
    environment = command_environment(**settings) | {"PYTHONPATH": os.pathsep.join(sys.path)}
    lines = "".join(f"{json.dumps(list(arguments))}\n" for arguments in commands)
    process = subprocess.run(
        [sys.executable, str(CHILD)],
        env=environment, input=lines, capture_output=True, text=True, timeout=120, cwd=folder,
    )  # fmt: skip
    assert process.returncode == 0, process.stderr
    results = [json.loads(line) for line in process.stdout.splitlines()]
    return [CommandResult(arguments, *result) for arguments, result in zip(commands, results, strict=True)]
