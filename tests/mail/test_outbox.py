"""The outbox: written whole, private, listed newest first."""

from __future__ import annotations

import stat
from datetime import timedelta
from pathlib import Path

import pytest

from paperround.database import utc_now
from paperround.mail import Outbox, Unreachable, compose, mailer
from paperround.mail.outbox import KEPT, NoSuchMessage
from paperround.settings import Settings

from support.factories import at


async def write(outbox: Outbox, subject: str = "Hello", recipient: str = "ada@example.org") -> str:
    message = compose(
        sender="papers@example.org",
        recipient=recipient,
        subject=subject,
        text="Good morning.\n",
        now=at("2026-03-02 08:00"),
    )
    return await outbox.send(message, sender="bounces@example.org", recipient=recipient)


async def test_without_a_server_mail_goes_to_the_outbox(tmp_path):
    settings = Settings(_env_file=None, data_dir=tmp_path)
    async with mailer(settings) as mail:
        path = Path(await write(mail))

    assert path.parent == tmp_path / "outbox"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [file.name for file in path.parent.iterdir()] == [path.name]


async def test_messages_are_listed_newest_first_and_read(tmp_path):
    outbox = Outbox(tmp_path / "outbox")
    assert outbox.newest(10) == []
    for subject in ("one", "two", "three"):
        await write(outbox, subject)
    (tmp_path / "outbox" / "note.eml").write_text("not ours")

    found = outbox.newest(2)
    assert [stored.message["Subject"] for stored in found] == ["three", "two"]
    assert found[0].message["Return-Path"] == "<bounces@example.org>"
    assert outbox.read(found[1].name).message.get_content() == "Good morning.\r\n"
    assert abs(found[0].at - utc_now()) < timedelta(minutes=1)


@pytest.mark.parametrize(
    "name",
    ["note.eml", "../settings", "", "20260302T080000.000000-00000000.eml", ".20260302T080000.000000-0.eml"],
)
async def test_no_other_file_can_be_read(tmp_path, name):
    outbox = Outbox(tmp_path / "outbox")
    await write(outbox)
    (tmp_path / "outbox" / "note.eml").write_text("not ours")
    with pytest.raises(NoSuchMessage):
        outbox.read(name)


async def test_old_messages_are_forgotten(tmp_path):
    outbox = Outbox(tmp_path / "outbox")
    await write(outbox)
    assert outbox.forget_old(now=utc_now()) == 0
    assert outbox.forget_old(now=utc_now() + KEPT + timedelta(seconds=1)) == 1
    assert outbox.newest(10) == []


async def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Unreachable, match="outbox can't be written to"):
        await write(Outbox(tmp_path / "file" / "outbox"))
