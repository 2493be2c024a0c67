"""A process that runs several commands one after the other, which saves importing them for each.

It reads lists of arguments from its input, one in JSON on a line, and prints the exit code and what was
written to standard output and to standard error, by the command or by processes that it started.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import tempfile
from collections.abc import Iterator

from paperround.cli import app


@contextlib.contextmanager
def collect_errors(errors: io.StringIO) -> Iterator[None]:
    """Collect what is written to standard error, also to its file descriptor."""
    original = os.dup(2)
    with tempfile.TemporaryFile() as file, contextlib.redirect_stderr(errors):
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(original, 2)
            os.close(original)
            file.seek(0)
            errors.write(file.read().decode(errors="replace"))


def run(arguments: list[str]) -> tuple[int, str, str]:
    code, output, errors = 0, io.StringIO(), io.StringIO()
    sys.argv = ["paperround", *arguments]
    with contextlib.redirect_stdout(output), collect_errors(errors):
        try:
            app.main()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return code, output.getvalue(), errors.getvalue()


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line))), flush=True)
