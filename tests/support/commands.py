"""Runs `paperround` as its user does."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from support.log_watch import watch

CHILD = Path(__file__).parent / "command_child.py"


@dataclass(frozen=True)
class CommandResult:
    """The exit code of a command, and what it wrote."""

    arguments: Sequence[str]
    code: int
    output: str
    errors: str


@cache
def spare_data_folder() -> Path:
    """The data folder of whatever doesn't name its own, for as long as this process of the tests runs.

    Without it root's commands would use, and hand over, the one of a Paperround that runs on this machine.
    """
    folder = Path(tempfile.mkdtemp(prefix="paperround-test-"))
    folder.chmod(0o755)  # so that the system user can enter it
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder / "data"


def command_environment(**settings: str) -> dict[str, str]:
    """The environment with these settings and, but for a data folder, no others."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PAPERROUND_")}
    given = {"data_dir": str(spare_data_folder()), **settings}
    return inherited | {f"PAPERROUND_{name.upper()}": value for name, value in given.items()}


def run_command(*arguments: str, folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a command in `folder` to its end."""
    ended = subprocess.run(
        [sys.executable, "-m", "paperround", *arguments],
        env=command_environment(**settings), capture_output=True, text=True, timeout=120, cwd=folder,
    )  # fmt: skip
    watch.read_command(ended.stderr)
    return ended


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
    for _, _, errors in results:
        watch.read_command(errors)
    return [CommandResult(arguments, *result) for arguments, result in zip(commands, results, strict=True)]
