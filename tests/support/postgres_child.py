"""A process that uses the embedded PostgreSQL and can be killed: `postgres_child.py attach|up DATA_DIR`.

It prints a line once the database answers, and leaves in good order when its standard input ends.
"""

from __future__ import annotations

import sys
from pathlib import Path

from paperround.postgres import EmbeddedPostgres


def attach(postgres: EmbeddedPostgres) -> None:
    with postgres.attached():
        print("ready", flush=True)
        sys.stdin.read()


def up(postgres: EmbeddedPostgres) -> None:
    postgres.start()
    print(postgres.process.pid if postgres.process else "adopted", flush=True)
    sys.stdin.read()
    postgres.stop()


if __name__ == "__main__":
    {"attach": attach, "up": up}[sys.argv[1]](EmbeddedPostgres(Path(sys.argv[2])))
