"""A process that has imported every command, and runs each one in a copy of itself.

Importing takes a second and a half, copying a process ten milliseconds. It reads requests from its input,
one in JSON on a line, and prints the exit code of each.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import NoReturn

from paperround.__main__ import main
from paperround.cli.app import COMMANDS, GROUPS

TIMEOUT = 120  # seconds that a command may take
MODES = (os.O_RDONLY, os.O_WRONLY, os.O_WRONLY)


def import_commands() -> None:
    for module in {module for module, *_ in [*COMMANDS.values(), *GROUPS.values()]}:
        import_module(f"paperround.cli.{module}")


def copy_for_each_request() -> bool:
    """Copy this process for each request. Returns True in every copy, and False here, after the last one."""
    for line in sys.stdin:
        child = os.fork()
        if not child:
            become(**json.loads(line))
            return True
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
    return False


def become(
    arguments: Sequence[str], environment: Mapping[str, str], folder: str, streams: Sequence[str]
) -> None:
    """Be as if started in `folder`. `streams` are the files for input, output and errors."""
    signal.alarm(TIMEOUT)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for descriptor, (name, mode) in enumerate(zip(streams, MODES, strict=True)):
        opened = os.open(name, mode)
        os.dup2(opened, descriptor)
        os.close(opened)
    sys.argv = ["paperround", *arguments]


def run_to_the_end() -> NoReturn:
    """Run the command. What Python does at its end is left to the system, as it takes half a second here."""
    code: object = None
    try:
        main()
    except SystemExit as ended:
        code = ended.code
    if isinstance(code, str):
        print(code, file=sys.stderr)
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


if __name__ == "__main__":
    import_commands()
    gc.freeze()  # else the first collection of a copy would copy all memory
    if copy_for_each_request():
        run_to_the_end()
