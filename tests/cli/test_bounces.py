"""`paperround bounces`: one message or a folder, and messages that are made to stop it."""

from __future__ import annotations

import io
import os
import sys
import threading
from pathlib import Path

import pytest
import typer

from paperround.cli import bounces
from paperround.digests.returned_mail import ReportTooComplex
from paperround.settings import Settings

from support.returned_mail import build_letter, list_monsters

MONSTERS = dict(list_monsters())


@pytest.fixture
def settings(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    settings = Settings(_env_file=None, database_url=database_url, data_dir=tmp_path / "data")
    monkeypatch.setattr(bounces, "load_settings", lambda process: settings)
    return settings


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "new"
    folder.mkdir()
    return folder


@pytest.mark.usefixtures("settings")
def test_messages_that_cannot_be_read_are_set_aside_and_the_next_is_read(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("nested messages", "150,000 parts", "8,000 addresses"):
        (folder / f"1 {name}").write_bytes(MONSTERS[name])
    (folder / "2 letter").write_bytes(build_letter("Papers for you"))
    (folder / "3 folder").mkdir()
    os.mkfifo(folder / "4 pipe")
    (folder / "5 \udcff\n").write_bytes(b"")
    bounces.bounces(folder)
    said = capsys.readouterr().err
    assert "1 nested messages: can't be read. It has more than 100 parts." in said
    assert "2 letter: left alone." in said
    names = {path.name for path in folder.iterdir()}
    assert names == {
        "1 nested messages.unreadable", "1 nested messages.reason", "1 150,000 parts.unreadable",
        "1 150,000 parts.reason", "1 8,000 addresses.read", "2 letter.read", "3 folder", "4 pipe",
        "5 \udcff\n.read",
    }  # fmt: skip
    assert (folder / "1 nested messages.reason").read_text() == "It has more than 100 parts.\n"
    bounces.bounces(folder)
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("settings")
def test_a_file_that_is_gone_or_not_ours_stops_no_other(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, longest = folder / "1 gone", folder / ("2" * 252)
    longest.write_bytes(b"")
    (folder / "3 letter").write_bytes(build_letter("Papers for you"))
    monkeypatch.setattr(bounces, "_list_messages", lambda _: [gone, longest, folder / "3 letter"])
    bounces.bounces(folder)
    said = capsys.readouterr().err
    assert "1 gone: No such file or directory." in said
    assert "File name too long." in said
    assert (folder / "3 letter.read").exists()


@pytest.mark.usefixtures("settings")
def test_a_message_of_the_input_that_cannot_be_read_has_its_exit_code(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(MONSTERS["150,000 parts"])))
    with pytest.raises(typer.Exit) as end:
        bounces.bounces(None)
    assert end.value.exit_code == 65
    assert capsys.readouterr().err == "message: can't be read. It has more than 100 parts.\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(MONSTERS["an endless line"])))
    bounces.bounces(None)
    assert "message: left alone." in capsys.readouterr().err
    assert sys.stdin.read() == ""  # a mail server minds when not all is read


def test_a_message_that_takes_too_long_is_given_up() -> None:
    with pytest.raises(ReportTooComplex, match=r"longer than 0\.05 s"), bounces._limited_time(0.05):
        threading.Event().wait(60)
