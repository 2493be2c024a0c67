"""The outbox: a folder of .eml files, where mail goes while no server is set. Newest first."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Final

from paperround.mail.errors import Unreachable
from paperround.mail.message import as_bytes

NAME: Final = re.compile(r"(\d{8}T\d{6}\.\d{6})-[0-9a-f]{8}\.eml", re.ASCII)
KEPT: Final = timedelta(days=30)


class NoSuchMessage(LookupError):
    """The outbox has no message of this name."""


@dataclass(frozen=True)
class Stored:
    """A message in the folder, read with Python's own parser."""

    name: str
    at: datetime
    message: EmailMessage


class Outbox:
    """Takes messages as a server would. Folder and files are private to their owner."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def send(self, message: EmailMessage | bytes, *, sender: str, recipient: str) -> str:  # noqa: ARG002 (it stands in the message)
        """Write the message; the file's path. Raises `Unreachable` when the folder can't be written to."""
        envelope = f"Return-Path: <{sender}>\r\n".encode()
        try:
            return await asyncio.to_thread(self._write, envelope + as_bytes(message))
        except OSError as error:
            raise Unreachable(
                f"The outbox can't be written to: {error}. Run Paperround as the folder's owner."
            ) from error

    def _write(self, body: bytes) -> str:
        owner = _made(self.folder)
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}-{secrets.token_hex(4)}.eml"
        half = self.folder / f".{name}"
        descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            _give(file.fileno(), owner)
            file.write(body)
        half.rename(self.folder / name)  # so that a reader never finds half a message
        return str(self.folder / name)

    def newest(self, limit: int) -> Sequence[Stored]:
        """The last messages, newest first."""
        try:
            names = sorted((entry.name for entry in os.scandir(self.folder)), reverse=True)
        except FileNotFoundError:
            return []
        found: list[Stored] = []
        for name in filter(NAME.fullmatch, names):
            with suppress(NoSuchMessage):
                found.append(self.read(name))
            if len(found) == limit:
                break
        return found

    def read(self, name: str) -> Stored:
        """Raises `NoSuchMessage`, whatever else the name may point to."""
        form = NAME.fullmatch(name)
        if not form:
            raise NoSuchMessage(name)
        try:
            body = (self.folder / name).read_bytes()
        except FileNotFoundError as error:
            raise NoSuchMessage(name) from error
        message = message_from_bytes(body, policy=policy.default)
        assert isinstance(message, EmailMessage)  # noqa: S101 (what this policy makes)
        return Stored(name, datetime.strptime(form[1], "%Y%m%dT%H%M%S.%f").replace(tzinfo=UTC), message)

    def forget_old(self, *, now: datetime) -> int:
        """Remove what was written over `KEPT` ago; how many."""
        oldest = f"{now - KEPT:%Y%m%dT%H%M%S.%f}"
        gone = 0
        with suppress(FileNotFoundError):
            for entry in os.scandir(self.folder):
                if NAME.fullmatch(entry.name) and entry.name < oldest:
                    Path(entry.path).unlink(missing_ok=True)
                    gone += 1
        return gone


def _made(folder: Path) -> os.stat_result:
    """The folder, made where missing, with the owner of the one around it: root too may come first."""
    if not folder.is_dir():
        folder.parent.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                _give(descriptor, folder.parent.stat())
            finally:
                os.close(descriptor)
    return folder.stat()


def _give(descriptor: int, owner: os.stat_result) -> None:
    if os.geteuid() == 0:
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
