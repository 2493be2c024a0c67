"""Runs a module of ours as a child process that has little time, memory and nothing else.

For what is costly, or reads what strangers made: a picture that breaks its decoder ends the child alone. It
starts from an empty environment, so it has none of our secrets, and is given bytes and gives bytes.
"""

from __future__ import annotations

import asyncio
import os
import resource
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from paperround.errors import PaperroundError

REFUSED: Final = 65  # the child's exit code where what it was given can't be worked with; it then says why
MAX_REASON_LENGTH: Final = 300  # characters
NICENESS: Final = 10
CHUNK: Final = 65_536  # bytes


class ChildFailed(PaperroundError):
    """A bounded child process ended without a result: it took too long or too much, or broke."""

    title = "A bounded process failed"


class InputRefused(PaperroundError):
    """What a bounded child process was given can't be worked with."""

    title = "Not usable"
    status = 422


async def run(module: str, given: bytes, *, seconds: float, max_output: int) -> bytes:
    """Run `module`, which calls `serve`, and return what it makes of `given`: at most `max_output` bytes.

    Raises `InputRefused` with the child's own reason, and `ChildFailed`.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-m", module,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        env={}, cwd="/",
    )  # fmt: skip
    if process.stdin is None or process.stdout is None:
        raise AssertionError("unreachable: both are pipes")
    try:
        async with asyncio.timeout(seconds):
            output = await _exchange(process.stdin, process.stdout, given, max_output)
            code = await process.wait()
    except TimeoutError as error:
        raise ChildFailed(f"{module} took longer than {seconds:g} s") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if code == REFUSED:
        raise InputRefused(output.decode("utf-8", "replace")[:MAX_REASON_LENGTH])
    if code != 0:
        raise ChildFailed(f"{module} ended with {code}")
    return output


async def _exchange(
    stdin: asyncio.StreamWriter, stdout: asyncio.StreamReader, given: bytes, max_output: int
) -> bytes:
    """Give a child its input while its output is read. Raises `ChildFailed` if that is too long."""
    sending = asyncio.create_task(_send(stdin, given))
    output = bytearray()
    try:
        while chunk := await stdout.read(CHUNK):
            output += chunk
            if len(output) > max_output:
                raise ChildFailed(f"it gave more than {max_output:,} bytes")
        await sending
    finally:
        sending.cancel()
    return bytes(output)


async def _send(stdin: asyncio.StreamWriter, given: bytes) -> None:
    with suppress(BrokenPipeError, ConnectionResetError):  # it has ended; its exit code says how
        stdin.write(given)
        await stdin.drain()
    stdin.close()


def serve(work: Callable[[bytes], bytes], *, memory: int, cpu_seconds: int, may_open_files: bool) -> None:
    """Do a child's work under limits, from its standard input to its standard output.

    `memory` is in bytes of addresses. All that `work` needs is to be imported by then, unless it
    `may_open_files`. `work` may raise `InputRefused`.
    """
    os.nice(NICENESS)
    given = sys.stdin.buffer.read()
    limits = {
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_CPU: cpu_seconds,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
    }
    if not may_open_files:
        limits[resource.RLIMIT_NOFILE] = 0  # what is open stays so
    for name, most in limits.items():
        resource.setrlimit(name, (most, most))
    try:
        result, code = work(given), 0
    except InputRefused as error:
        result, code = str(error).encode(), REFUSED
    sys.stdout.buffer.write(result)
    sys.stdout.buffer.flush()
    os._exit(code)  # at once: nothing is left to tidy up
