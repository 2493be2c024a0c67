"""The outbox: its files are complete and private, and listed with the newest first."""

from __future__ import annotations

import os
import stat
from datetime import timedelta
from pathlib import Path

import pytest

from paperround.database import utc_now
from paperround.mail import MailServerUnreachable, Outbox, compose_message, open_mailer, outbox_keys
from paperround.mail.outbox import OUTBOX_RETENTION, MessageNotFound
from paperround.settings import Settings

from support.factories import utc


async def write(outbox: Outbox, subject: str = "Hello", recipient: str = "ada@example.org") -> str:
    message = compose_message(
        sender="papers@example.org",
        recipient=recipient,
        subject=subject,
        text="Good morning.\n",
        now=utc("2026-03-02 08:00"),
    )
    return await outbox.send(message, sender="bounces@example.org", recipient=recipient)


async def test_without_a_server_mail_goes_to_the_outbox(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, data_dir=tmp_path)
    async with open_mailer(settings) as mail:
        assert isinstance(mail, Outbox)
        path = Path(await write(mail))

    assert path.parent == tmp_path / "outbox"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [file.name for file in path.parent.iterdir()] == [path.name]


async def test_messages_are_listed_newest_first_and_read(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox")
    assert outbox.list_newest(10) == []
    for subject in ("one", "two", "three"):
        await write(outbox, subject)
    (tmp_path / "outbox" / "note.eml").write_text("not ours")

    messages = outbox.list_newest(2)
    assert [stored.message["Subject"] for stored in messages] == ["three", "two"]
    assert messages[0].message["Return-Path"] == "<bounces@example.org>"
    assert outbox.read_message(messages[1].name).message.get_content() == "Good morning.\r\n"
    assert abs(messages[0].at - utc_now()) < timedelta(minutes=1)


@pytest.mark.parametrize(
    "name",
    ["note.eml", "../settings", "", "20260302T080000.000000-00000000.eml", ".20260302T080000.000000-0.eml"],
)
async def test_no_other_file_can_be_read(tmp_path: Path, name: str) -> None:
    outbox = Outbox(tmp_path / "outbox")
    await write(outbox)
    (tmp_path / "outbox" / "note.eml").write_text("not ours")
    with pytest.raises(MessageNotFound):
        outbox.read_message(name)


async def test_old_messages_are_deleted(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox")
    await write(outbox)
    assert outbox.delete_old(now=utc_now()) == 0
    assert outbox.delete_old(now=utc_now() + OUTBOX_RETENTION + timedelta(seconds=1)) == 1
    assert outbox.list_newest(10) == []


async def test_a_folder_that_cannot_be_created_raises_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(MailServerUnreachable, match="outbox can't be written to"):
        await write(Outbox(tmp_path / "file" / "outbox"))


def test_a_link_in_place_of_the_folder_of_keys_leads_root_nowhere(tmp_path: Path) -> None:
    outbox, elsewhere = Outbox(tmp_path / "outbox"), tmp_path / "elsewhere"
    outbox.folder.mkdir()
    elsewhere.mkdir()
    old = elsewhere / "old"
    old.touch()
    os.utime(old, (0, 0))
    (outbox.folder / ".keys").symlink_to(elsewhere)
    with pytest.raises(OSError, match="keys"):
        outbox_keys.make_key(outbox, now=utc_now())
    assert [*elsewhere.iterdir()] == [old]
