"""Whatever goes wrong in a command: one paragraph, or one line with a number. Nobody sees a traceback."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.exc import OperationalError

from paperround.cli import app
from paperround.environment import PREFIX
from paperround.errors import PaperroundError

from support.commands import command_environment, run_command, run_commands
from support.databases import run_sql
from support.sites import free_port

# Each command that needs the database, with arguments that reach it.
COMMANDS = [
    ["status"],
    ["ingest", "--date", "2026-03-02"],
    ["embed"],
    ["remove", "2603.00001"],
    ["digest", "preview", "ada@example.org"],
    ["digest", "send-due"],
    ["digest", "resend"],
    ["digest", "resend", "5"],
    ["db", "upgrade"],
    ["db", "backup", "papers.dump"],
    ["worker"],
    ["clock"],
    ["web"],
    ["bounces", "."],
]
MIGRATING = ("ingest", "embed", "remove", "upgrade")  # these bring the schema up to date themselves


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PAPERROUND_DATA_DIR", str(tmp_path / "data"))


def fail_with(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a command that ends with this error."""

    def command() -> None:
        raise error

    monkeypatch.setattr(app, "app", command)
    with pytest.raises(SystemExit) as ended:
        app.main()
    assert ended.value.code == 1


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PaperroundError("No.", advice="Do this."), "No. Do this."),
        (OperationalError("SELECT", {}, psycopg.OperationalError("refused")), "PAPERROUND_DATABASE_URL"),
        (OSError(errno.EROFS, "Read-only file system", "/data"), "/data: Read-only file system."),
        (ExceptionGroup("g", [PaperroundError("No.")]), "No."),
        (MemoryError(), "not enough memory"),
    ],
    ids=repr,
)
def test_what_is_known_is_one_paragraph(
    error: Exception, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fail_with(error, monkeypatch)
    written = capsys.readouterr().err
    assert written.startswith("paperround: ")
    assert words in written
    assert "Traceback" not in written


@pytest.mark.parametrize(
    "error", [ValueError("x"), KeyError("x"), ExceptionGroup("g", [TypeError()]), RecursionError()], ids=repr
)
def test_a_bug_is_one_line_with_a_number_under_which_a_file_has_the_traceback(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    fail_with(error, monkeypatch)
    written = capsys.readouterr().err
    assert written.count("\n") == 1
    assert "Traceback" not in written
    file = tmp_path / "data" / "errors.log"
    number = re.search(r"number (\w{8})\.", written)
    assert number
    assert str(file) in written
    assert re.search(rf"{number[1]}\n.*Traceback.*{type(error).__name__}", file.read_text(), re.DOTALL)
    assert file.stat().st_mode & 0o077 == 0


def test_a_bug_where_no_file_can_be_written_is_in_the_log(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "data").write_text("a file in place of the folder")
    fail_with(ValueError("x"), monkeypatch)
    number = re.search(r"number (\w{8})\)", capsys.readouterr().err)
    assert number


def test_every_command_on_a_database_without_a_schema_says_how_to_make_one(
    bare_database_url: str, tmp_path: Path
) -> None:
    commands = [command for command in COMMANDS if not {*MIGRATING} & {*command}]
    for result in run_commands(*commands, folder=tmp_path, database_url=bare_database_url, port="0"):
        assert result.returncode != 0, result
        assert "Traceback" not in result.stderr, result
        if result.args[1:2] != ["backup"]:  # which says that there is nothing to keep
            assert "paperround db upgrade" in result.stderr, result
            assert "DATABASE_URL" not in result.stderr, result


def test_every_command_without_a_database_says_so_in_one_paragraph(tmp_path: Path) -> None:
    url = f"postgresql://paperround:hunter2@127.0.0.1:{free_port()}/papers"
    for result in run_commands(*COMMANDS, folder=tmp_path, database_url=url, port="0"):
        assert result.returncode != 0, result
        assert "PAPERROUND_DATABASE_URL" in result.stderr, result
        assert "Traceback" not in result.stderr, result
        assert "hunter2" not in result.stderr, result


@pytest.mark.parametrize(
    "url", ["mysql://u:hunter2@h/x", "no address hunter2", "postgresql://u:hunter2@h:x/"]
)
def test_what_is_no_address_of_a_database_is_refused_without_repeating_it(url: str, tmp_path: Path) -> None:
    for result in run_commands(["status"], ["db", "upgrade"], folder=tmp_path, database_url=url):
        assert result.returncode == 1, result
        assert "PAPERROUND_DATABASE_URL" in result.stderr, result
        assert "hunter2" not in result.stderr, result
        assert "Traceback" not in result.stderr, result


def test_a_newer_schema_that_names_ours_is_used_and_another_one_is_refused_in_a_sentence(
    database_url: str, tmp_path: Path
) -> None:
    run_sql(database_url, "UPDATE alembic_version SET version_num = 'feedc0ffee00'")
    commands = (["status"], ["remove", "2603.00001"], ["db", "upgrade"])
    for result in run_commands(*commands, folder=tmp_path, database_url=database_url):
        assert result.returncode == 1, result
        assert "A newer release made it" in result.stderr, result
        assert "Traceback" not in result.stderr, result
    expected = re.search(r"expects (\w+)", result.stderr)
    assert expected
    run_sql(database_url, f"INSERT INTO compatible_code VALUES ('{expected[1]}')")
    for result in run_commands(*commands, folder=tmp_path, database_url=database_url):
        assert result.returncode == 0, result


def test_a_wrong_setting_is_named_and_an_unknown_one_is_told_with_the_nearest(tmp_path: Path) -> None:
    result = run_command("outbox", folder=tmp_path, data_dir=str(tmp_path), port="many", feeds="slashdot")
    assert result.returncode == 1
    assert "PAPERROUND_PORT: " in result.stderr
    assert "PAPERROUND_FEEDS: " in result.stderr
    (tmp_path / ".env").write_text("PAPERROUND_SITE_NAMES=Papers\nOTHER=1\n")
    result = run_command("outbox", folder=tmp_path, data_dir=str(tmp_path), smtp_ulr="x", zzzzzzzz="1")
    assert result.returncode == 0
    assert "There is no setting PAPERROUND_SMTP_ULR. Did you mean PAPERROUND_SMTP_URL?" in result.stderr
    assert "There is no setting PAPERROUND_SITE_NAMES. Did you mean PAPERROUND_SITE_NAME?" in result.stderr
    assert "There is no setting PAPERROUND_ZZZZZZZZ.\n" in result.stderr
    assert "OTHER" not in result.stderr


def test_an_encoder_on_an_address_demands_a_key(tmp_path: Path) -> None:
    result = run_command(
        "encoder", "--host", "127.0.0.1", "--port", "0", folder=tmp_path, data_dir=str(tmp_path)
    )
    assert result.returncode == 1
    assert "PAPERROUND_ENCODER_KEY" in result.stderr
    assert "Traceback" not in result.stderr


def test_one_digest_and_all_of_them_contradict_each_other(tmp_path: Path) -> None:
    (result,) = run_commands(["digest", "resend", "5", "--all"], folder=tmp_path)
    assert result.returncode == 1
    assert "not both" in result.stderr


@pytest.mark.parametrize("place", ["file", "file/below", "loop", "~nobody-of-that-name/x"])
def test_a_data_folder_that_is_none_is_said_plainly(place: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "loop").symlink_to("loop")
    for result in run_commands(["status"], ["up"], folder=tmp_path, data_dir=place, port="0"):
        assert result.returncode == 1, result
        assert "PAPERROUND_DATA_DIR" in result.stderr, result
        assert "Traceback" not in result.stderr, result


def test_output_that_cannot_be_written_is_no_bug(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        process = subprocess.run(
            [sys.executable, "-m", "paperround", "outbox"],
            env=command_environment(data_dir=str(tmp_path)),
            stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, cwd=tmp_path,
        )  # fmt: skip
    assert process.returncode == 1
    assert "No space left on device. Free some space on that disk." in process.stderr
    assert "Traceback" not in process.stderr
