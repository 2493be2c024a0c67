"""Which user our processes run as where root starts them, and what that user may do."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from paperround import privileges
from paperround.postgres.account import Account, server_account
from paperround.privileges import PrivilegesNeeded, plan_launch, prepare_data_folder
from paperround.settings import Settings

from support.embedded_postgres import as_root, scratch, soon


@pytest.fixture
def data_dir() -> Iterator[Path]:
    with scratch() as folder:
        yield folder / "data"


@pytest.fixture
def settings(data_dir: Path) -> Settings:
    return Settings(_env_file=None, data_dir=data_dir)


def account_named(settings: Settings) -> Account:
    prepare_data_folder(settings)
    return server_account()


@as_root
def test_what_processes_write_to_becomes_the_system_users(settings: Settings) -> None:
    outbox = settings.data_dir / "outbox"
    outbox.mkdir(parents=True)
    settings.data_dir.chmod(0o711)
    (outbox / "old.eml").touch()
    account = account_named(settings)
    for path in (outbox, outbox / "old.eml", settings.data_dir / "home", settings.data_dir / "errors.log"):
        assert path.stat().st_uid == account.uid
        assert stat.S_IMODE(path.stat().st_mode) & 0o007 == (0o004 if path.name == "old.eml" else 0)
    assert settings.data_dir.stat().st_uid == 0


@as_root
def test_a_link_in_the_users_own_folder_gives_it_nothing_else(settings: Settings, data_dir: Path) -> None:
    account = account_named(settings)
    secret = data_dir.parent / "secret"
    secret.touch(mode=0o600)
    link = data_dir / "outbox" / "link"
    link.hardlink_to(secret)
    (data_dir / "errors.log").unlink()
    account_named(settings)
    assert secret.stat().st_uid == 0
    assert account.uid != 0
    (data_dir / "errors.log").unlink()
    (data_dir / "errors.log").symlink_to(secret)
    with pytest.raises(OSError, match="errors"):
        prepare_data_folder(settings)
    assert secret.stat().st_uid == 0


@as_root
def test_a_data_folder_out_of_the_users_reach_is_named(settings: Settings, data_dir: Path) -> None:
    data_dir.parent.chmod(0o700)
    with pytest.raises(PrivilegesNeeded, match="can't enter") as raised:
        prepare_data_folder(settings)
    assert "PAPERROUND_DATA_DIR" in raised.value.advice


@as_root
@pytest.mark.parametrize("port", [1, 80, 443, 1023])
def test_a_port_that_only_root_may_have_is_refused(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(privileges, "LOWEST_PORT_FILE", Path("/nonexistent"))
    with pytest.raises(PrivilegesNeeded, match=str(port)) as raised:
        privileges.require_unprivileged_port(port, "PAPERROUND_PORT")
    assert "PAPERROUND_PORT" in raised.value.advice
    privileges.require_unprivileged_port(1024, "PAPERROUND_PORT")


@as_root
def test_secrets_in_files_that_only_root_can_read_reach_the_processes(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s" * 40)
    monkeypatch.setenv("PAPERROUND_SECRET_KEY_FILE", str(secret))
    settings = Settings(_env_file=None, data_dir=data_dir)
    environment = plan_launch(settings, ["web"], database_url="postgresql://db/papers").environment
    assert environment["PAPERROUND_SECRET_KEY"] == "s" * 40
    assert environment["PAPERROUND_DATABASE_URL"] == "postgresql://db/papers"
    assert "PAPERROUND_SECRET_KEY_FILE" not in environment


@as_root
def test_the_processes_have_roots_data_folder_even_if_none_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PAPERROUND_DATA_DIR", raising=False)
    settings = Settings(_env_file=None)
    assert plan_launch(settings, ["web"]).environment["PAPERROUND_DATA_DIR"] == str(settings.data_dir)


def test_an_ordinary_users_processes_are_started_as_they_are(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    launch = plan_launch(settings, ["web"])
    assert (launch.command, launch.account) == ((sys.executable, "-m", "paperround", "web"), None)
    assert launch.environment == dict(os.environ)


def find_child(parent: int) -> tuple[int, int] | None:
    """The process that `parent` started to do its work, and that one's user."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                status = dict(line.split(":\t", 1) for line in (entry / "status").read_text().splitlines())
                command = (entry / "cmdline").read_bytes().split(b"\0")
            except (OSError, ValueError):
                continue
            if int(status["PPid"]) == parent and command[1:3] == [b"-m", b"paperround"]:
                return int(entry.name), int(status["Uid"].split()[0])
    return None


@as_root
@pytest.mark.parametrize("command", ["web", "worker", "clock"])
def test_a_command_that_root_starts_runs_as_the_system_user_and_ends_with_us(
    command: str, data_dir: Path, database_url: str
) -> None:
    environment = {
        **os.environ,
        "PAPERROUND_DATA_DIR": str(data_dir),
        "PAPERROUND_DATABASE_URL": database_url,
        "PAPERROUND_PORT": "0",
    }
    started = subprocess.Popen(
        [sys.executable, "-m", "paperround", command], env=environment, stderr=subprocess.DEVNULL
    )
    try:
        soon(lambda: find_child(started.pid))
        child, user = find_child(started.pid) or (0, 0)
        assert user == server_account().uid
        started.send_signal(signal.SIGTERM)
        assert started.wait(60) == 0
        assert not Path(f"/proc/{child}").exists()
    finally:
        started.kill()
        started.wait()
