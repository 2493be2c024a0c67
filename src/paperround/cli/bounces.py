"""`paperround bounces`: read mail that came back, from the input or from a folder."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer

from paperround import event_loop
from paperround.cli.console import console
from paperround.cli.context import load_settings
from paperround.cli.mail import open_links
from paperround.database import Database, utc_now
from paperround.digests import bounces as returned_mail
from paperround.digests.bounces import BounceReport
from paperround.digests.links import DigestLinks
from paperround.digests.returned_mail import MAX_REPORT_SIZE, ReportTooComplex, ReportUnreadable
from paperround.mail.message import to_one_line
from paperround.settings import Settings

READ_SUFFIX: Final = ".read"  # of the name of a message that was read
SET_ASIDE_SUFFIX: Final = ".unreadable"  # of one that could not be read
REASON_SUFFIX: Final = ".reason"  # of a file beside it, which says why
PARSING_TIMEOUT: Final = 10  # seconds; what is bounded otherwise takes one
MAX_INPUT_SIZE: Final = 100_000_000  # bytes, of which those that are too many are not kept

app = typer.Typer()


@app.command(epilog="Example: paperround bounces < message.eml")
def bounces(
    folder: Annotated[
        Path | None,
        typer.Argument(help="A folder of messages, such as a Maildir's new.", exists=True, file_okay=False),
    ] = None,
) -> None:
    """Read bounced mail from standard input or a folder. Addresses that fail get no more mail.

    In a folder a message that was read gets `.read` behind its name, and one that can't be read
    `.unreadable`, with a file `.reason` beside it. For the input, the exit code is then 65.
    """
    settings = load_settings("bounces")
    if folder is not None:
        event_loop.run(_process_folder, settings, folder)
    elif not event_loop.run(_process_input, settings):
        raise typer.Exit(os.EX_DATAERR)


async def _process_input(settings: Settings) -> bool:
    """Read one message from the input. Returns False when it could not be read."""
    body = sys.stdin.buffer.read(MAX_REPORT_SIZE)
    for _ in range(0, MAX_INPUT_SIZE, MAX_REPORT_SIZE):  # a mail server minds when not all is read
        if not sys.stdin.buffer.read(MAX_REPORT_SIZE):
            break
    async with open_links(settings) as (database, links):
        return await _process_message(database, links, "message", body) is None


async def _process_folder(settings: Settings, folder: Path) -> None:
    """Read all messages of a folder. Each is renamed; one that can't be read stops no other."""
    async with open_links(settings) as (database, links):
        for path in _list_messages(folder):
            name = to_one_line(path.name)
            try:
                with path.open("rb") as file:
                    body = file.read(MAX_REPORT_SIZE)
                reason = await _process_message(database, links, name, body)
                _rename(path, reason)
            except OSError as error:  # another reader of the folder was first, or it is not ours to change
                _say(f"{name}: {error.strerror}.")


def _list_messages(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        is_done = path.suffix in (READ_SUFFIX, SET_ASIDE_SUFFIX, REASON_SUFFIX)
        if not is_done and not path.name.startswith(".") and path.is_file():
            yield path


def _rename(path: Path, reason: str | None) -> None:
    if reason is None:
        path.rename(path.with_name(path.name + READ_SUFFIX))
        return
    path.with_name(path.name + REASON_SUFFIX).write_text(f"{reason}\n", encoding="utf-8")
    path.rename(path.with_name(path.name + SET_ASIDE_SUFFIX))


async def _process_message(database: Database, links: DigestLinks, name: str, body: bytes) -> str | None:
    """Do what a message calls for, and say what that was. Returns why it can't be read, or None."""
    try:
        with _limited_time(PARSING_TIMEOUT):
            report = returned_mail.parse_report(body, links)
    except ReportTooComplex as error:
        _say(f"{name}: can't be read. {error}")
        return str(error)
    except ReportUnreadable as error:
        _say(f"{name}: left alone. {error}")
        return None
    async with database.write_session() as session:
        is_known = await returned_mail.process_report(session, report, now=utc_now())
    _say(f"{name}: {_describe(report) if is_known else 'its digest is no longer kept'}")
    return None


def _describe(report: BounceReport) -> str:
    return f"{report.bounce.value if report.bounce else 'unsubscribed'} ({report.explanation})"


@contextmanager
def _limited_time(seconds: float) -> Iterator[None]:
    """Raise `ReportTooComplex` in the block after so many seconds. For the main thread."""

    def stop(*_: object) -> None:
        raise ReportTooComplex(f"Reading it took longer than {seconds:g} s.")

    handler = signal.signal(signal.SIGALRM, stop)
    timer = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, *timer)
        signal.signal(signal.SIGALRM, handler)


def _say(sentence: str) -> None:
    console.print(sentence, markup=False, soft_wrap=True)
