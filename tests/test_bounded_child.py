"""A bounded child process has little time, memory and nothing else, whatever becomes of it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from paperround import bounded_child
from paperround.bounded_child import ChildFailed, InputRefused

PYTHON = sys.executable
CHILD = """#!{python}
from paperround import bounded_child

def work(given):
    {work}

bounded_child.serve(work, memory=300 * 2**20, cpu_seconds=1, may_open_files=False)
"""


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The program that is started in Python's place."""
    program = tmp_path / "child"
    monkeypatch.setattr(sys, "executable", str(program))
    return program


def write(child: Path, program: str) -> None:
    child.write_text(program)
    child.chmod(0o700)


async def run(given: bytes = b"", seconds: float = 60) -> bytes:
    return await bounded_child.run("any", given, seconds=seconds, max_output=1_000_000)


async def test_it_gives_back_what_it_made_however_much_it_was_given(child: Path) -> None:
    write(child, CHILD.format(python=PYTHON, work="return given[:1_000_000]"))
    assert await run(b"x" * 3_000_000) == b"x" * 1_000_000


async def test_it_sees_nothing_of_our_environment(child: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAPERROUND_SECRET_KEY", "sesame")
    write(child, "#!/bin/sh\nexport -p\ncat /proc/self/environ\n")
    assert b"PAPERROUND" not in await run()


@pytest.mark.parametrize(
    "work",
    [
        "return bytes(10**9)",
        "while True: pass",
        "return open('/etc/passwd', 'rb').read()",
        "import socket; socket.socket()",
        "return bytes(2_000_000)",
        "raise ValueError(given)",
        "import os; os.kill(os.getpid(), 11)",
    ],
    ids=["memory", "processor", "files", "network", "output", "an error", "a crash"],
)
async def test_what_takes_too_much_or_breaks_is_one_failure(child: Path, work: str) -> None:
    write(child, CHILD.format(python=PYTHON, work=work))
    with pytest.raises(ChildFailed):
        await run(b"given")


async def test_one_that_waits_forever_is_ended(child: Path) -> None:
    write(child, "#!/bin/sh\nexec sleep 600\n")
    with pytest.raises(ChildFailed, match=r"longer than 0\.2 s"):
        await run(seconds=0.2)


async def test_one_that_reads_nothing_and_says_why_is_a_refusal(child: Path) -> None:
    write(child, f"#!/bin/sh\nprintf 'It is broken.'\nexit {bounded_child.REFUSED}\n")
    with pytest.raises(InputRefused, match="It is broken"):
        await run(b"x" * 3_000_000)
