"""A process that runs several commands one after the other, which saves importing them for each.

It reads lists of arguments from its input, one in JSON on a line, and prints the exit code and what was
written to standard output and to standard error.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys

from paperround.cli import app


def run(arguments: list[str]) -> tuple[int, str, str]:
    code, output, errors = 0, io.StringIO(), io.StringIO()
    sys.argv = ["paperround", *arguments]
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        try:
            app.main()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return code, output.getvalue(), errors.getvalue()


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line))), flush=True)
