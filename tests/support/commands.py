"""Runs `paperround` as its user does."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from support.log_watch import watch

CHILD = Path(__file__).parent / "command_child.py"


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


class CommandRunner:
    """Runs commands one after the other, each in a process of its own. `command_child.py` says how."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(CHILD)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip

    def run(
        self, arguments: Sequence[str], environment: Mapping[str, str], folder: Path, given: str
    ) -> subprocess.CompletedProcess[str]:
        assert self._process.stdin
        assert self._process.stdout
        with tempfile.TemporaryDirectory() as name:
            streams = [Path(name, stream) for stream in ("input", "output", "errors")]
            for stream, text in zip(streams, (given, "", ""), strict=True):
                stream.write_text(text)
            request = {
                "arguments": [*arguments],
                "environment": dict(environment),
                "folder": str(folder),
                "streams": [str(stream) for stream in streams],
            }
            self._process.stdin.write(f"{json.dumps(request)}\n")
            self._process.stdin.flush()
            code = int(self._process.stdout.readline())
            output, errors = (stream.read_text() for stream in streams[1:])
        return subprocess.CompletedProcess([*arguments], code, output, errors)

    def close(self) -> None:
        self._process.communicate()


@cache
def command_runner() -> CommandRunner:
    """The one runner of this process of the tests."""
    runner = CommandRunner()
    atexit.register(runner.close)
    return runner


def run_command(
    *arguments: str, folder: Path, given: str = "", **settings: str
) -> subprocess.CompletedProcess[str]:
    """Run a command in `folder` to its end. `given` is what it can read from its input."""
    ended = command_runner().run(arguments, command_environment(**settings), folder, given)
    watch.read_command(ended.stderr)
    return ended


def run_commands(
    *commands: Sequence[str], folder: Path, **settings: str
) -> list[subprocess.CompletedProcess[str]]:
    """Run several commands, one after the other."""
    return [run_command(*arguments, folder=folder, **settings) for arguments in commands]
