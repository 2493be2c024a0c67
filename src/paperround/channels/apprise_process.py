"""Sends messages by Apprise, for the services that have no format of ours. Each is a process of its own."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final, NamedTuple

from paperround.channels.errors import ChannelAnswerLost, ChannelUnavailable
from paperround.channels.formats.markdown import MarkdownMessage
from paperround.i18n.messages import gettext as _
from paperround.outbound.addresses import Network

PROCESS_TIMEOUT: Final = 40.0  # seconds; a message of some services takes several requests
MAX_MESSAGE_SIZE: Final = 3500  # bytes, which all of these services take
BEGUN: Final = "begun"
CHILD: Final = "paperround.channels.apprise_child"
# Of the environment the process gets these alone: settings, with secrets, are not for libraries of others.
INHERITED: Final = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR")
ANSWER_LOST: Final = "It was handed over, but nobody knows whether it was taken."


class ChannelTask(NamedTuple):
    """What is to be sent, and which private networks it may go to."""

    url: str
    title: str
    body: str
    networks: Sequence[str]


class AppriseOutcome(NamedTuple):
    """What became of it: `sent`, `refused` (certainly not taken) or `lost`, and the status of the answer."""

    outcome: str
    status: int | None


def is_apprise_installed() -> bool:
    return importlib.util.find_spec("apprise") is not None


def prepare(url: str, message: MarkdownMessage, networks: Sequence[Network]) -> Callable[[], Awaitable[str]]:
    """Return what sends a message; that raises `ChannelUnavailable` and `ChannelAnswerLost`."""
    task = ChannelTask(url, message.title, message.body, [str(network) for network in networks])
    return partial(_send, task)


async def _send(task: ChannelTask) -> str:
    if not is_apprise_installed():
        raise ChannelUnavailable(_("This site lacks the library Apprise for this service."))
    environment = {name: os.environ[name] for name in INHERITED if name in os.environ} | {"NO_PROXY": "*"}
    if file := os.environ.get("SSL_CERT_FILE"):
        environment["REQUESTS_CA_BUNDLE"] = file
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", CHILD,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        env=environment,
    )  # fmt: skip
    try:
        async with asyncio.timeout(PROCESS_TIMEOUT):
            printed, _rest = await process.communicate(json.dumps(task._asdict()).encode())
    except TimeoutError as error:
        raise ChannelAnswerLost(ANSWER_LOST) from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return _judge(printed.decode(errors="replace").splitlines())


def _judge(lines: Sequence[str]) -> str:
    """Read what the process printed: whether it began, and the outcome."""
    outcome = AppriseOutcome("lost" if BEGUN in lines else "refused", None)
    if lines and lines[-1].startswith("{"):
        outcome = AppriseOutcome(**json.loads(lines[-1]))
    if outcome.outcome == "lost":
        raise ChannelAnswerLost(ANSWER_LOST)
    if outcome.outcome != "sent":
        told = (
            f"It answered {outcome.status}." if outcome.status else "It can't be reached, or takes nothing."
        )
        raise ChannelUnavailable(told, code=outcome.status)
    return f"taken ({outcome.status})" if outcome.status else "taken"
