"""The outbox: a folder of .eml files, where mail goes while no server is set."""

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

from paperround.errors import PaperroundError
from paperround.mail.errors import MailServerUnreachable
from paperround.mail.message import to_bytes
from paperround.private_files import Purpose, open_private_file

FILE_NAME: Final = re.compile(r"(\d{8}T\d{6}\.\d{6})-[0-9a-f]{8}\.eml", re.ASCII)
OUTBOX_RETENTION: Final = timedelta(days=30)


class MessageNotFound(PaperroundError):
    """The outbox has no message of this name."""

    title = "Not found"
    status = 404
    advice = "`paperround outbox` lists them."

    def __init__(self, name: str) -> None:
        super().__init__(f"The outbox has no message {name}.")


@dataclass(frozen=True)
class StoredMessage:
    """A message in the folder, parsed. `at` is when it was written."""

    name: str
    at: datetime
    message: EmailMessage


class Outbox:
    """Takes messages as a server would. The folder and its files are private to their owner."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def send(
        self,
        message: EmailMessage | bytes,
        *,
        sender: str,
        recipient: str,  # noqa: ARG002 (the message has it too)
        following: object = None,  # noqa: ARG002 (there is no server to tell of it)
    ) -> str:
        """Write the message and return the file's path. Raises `MailServerUnreachable` if that fails."""
        envelope = f"Return-Path: <{sender}>\r\n".encode()
        try:
            return await asyncio.to_thread(self._write, envelope + to_bytes(message))
        except OSError as error:
            raise MailServerUnreachable(
                f"The outbox can't be written to: {error}. Run Paperround as the folder's owner."
            ) from error

    def _write(self, body: bytes) -> str:
        owner = ensure_private_folder(self.folder)
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}-{secrets.token_hex(4)}.eml"
        partial_file = self.folder / f".{name}"
        with os.fdopen(open_private_file(partial_file, Purpose.new), "wb") as file:
            set_owner(file.fileno(), owner)
            file.write(body)
        partial_file.rename(self.folder / name)  # so that nobody reads half a message
        return str(self.folder / name)

    def list_newest(self, limit: int) -> Sequence[StoredMessage]:
        """List the last `limit` messages, the newest first."""
        try:
            names = sorted((entry.name for entry in os.scandir(self.folder)), reverse=True)
        except FileNotFoundError:
            return []
        messages: list[StoredMessage] = []
        for name in filter(FILE_NAME.fullmatch, names):
            with suppress(MessageNotFound):
                messages.append(self.read_message(name))
            if len(messages) == limit:
                break
        return messages

    def read_message(self, name: str) -> StoredMessage:
        """Read a message of the outbox. Raises `MessageNotFound` for every other file name."""
        name_match = FILE_NAME.fullmatch(name)
        if not name_match:
            raise MessageNotFound(name)
        try:
            body = (self.folder / name).read_bytes()
        except FileNotFoundError as error:
            raise MessageNotFound(name) from error
        message = message_from_bytes(body, policy=policy.default)
        assert isinstance(message, EmailMessage)  # noqa: S101 (the policy makes these)
        return StoredMessage(
            name, datetime.strptime(name_match[1], "%Y%m%dT%H%M%S.%f").replace(tzinfo=UTC), message
        )

    def delete_old(self, *, now: datetime) -> int:
        """Delete the messages older than `OUTBOX_RETENTION`. Returns how many."""
        oldest = f"{now - OUTBOX_RETENTION:%Y%m%dT%H%M%S.%f}"
        deleted_count = 0
        with suppress(FileNotFoundError):
            for entry in os.scandir(self.folder):
                if FILE_NAME.fullmatch(entry.name) and entry.name < oldest:
                    Path(entry.path).unlink(missing_ok=True)
                    deleted_count += 1
        return deleted_count


def ensure_private_folder(folder: Path) -> os.stat_result:
    """Create the folder if it is missing, and return its status.

    It belongs to the owner of its parent, because root may be the first to write.
    """
    if not folder.is_dir():
        folder.parent.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                set_owner(descriptor, folder.parent.stat())
            finally:
                os.close(descriptor)
    return folder.stat()


def set_owner(descriptor: int, owner: os.stat_result) -> None:
    """Give an open file to the owner of another one, if we are root."""
    if os.geteuid() == 0:
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
