"""Which user our processes run as where root starts them, and what that user may do."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import DEVNULL

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
    (data_dir / "errors.log").hardlink_to(secret)
    account_named(settings)
    assert secret.stat().st_uid == 0
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
def test_root_without_the_right_to_change_its_user_runs_the_processes_as_before(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Account, "run", refuse)
    privileges._account_of_root.cache_clear()
    try:
        assert plan_launch(settings, ["web"]).account is None
        prepare_data_folder(settings)
        assert not settings.data_dir.exists()
    finally:
        privileges._account_of_root.cache_clear()


@as_root
def test_root_and_the_system_user_find_the_same_sockets_however_long_the_path_is(data_dir: Path) -> None:
    settings = Settings(_env_file=None, data_dir=data_dir / ("long" * 30))
    ours = privileges.own_socket_folder(settings)
    account = server_account()
    assert ours.parent == Path("/tmp")
    assert (ours.stat().st_uid, ours.name.split("-")[1]) == (account.uid, str(account.uid))
    ours.rmdir()


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
            is_ours = command[1:3] == [b"-m", b"paperround"] and b"--lifeline" in command  # no fork of it
            if int(status["PPid"]) == parent and is_ours:
                return int(entry.name), int(status["Uid"].split()[0])
    return None


@as_root
def test_commands_that_root_starts_run_as_the_system_user_and_end_with_us(
    data_dir: Path, database_url: str
) -> None:
    environment = {
        **os.environ,
        "PAPERROUND_DATA_DIR": str(data_dir),
        "PAPERROUND_DATABASE_URL": database_url,
        "PAPERROUND_PORT": "0",
    }
    started = [
        subprocess.Popen([sys.executable, "-m", "paperround", name], env=environment, stderr=DEVNULL)
        for name in ("web", "worker", "clock")
    ]
    try:
        soon(lambda: all(find_child(process.pid) for process in started))
        children = [find_child(process.pid) or (0, 0) for process in started]
        assert {user for _, user in children} == {server_account().uid}
        for process in started:
            process.send_signal(signal.SIGTERM)
        assert [process.wait(60) for process in started] == [0, 0, 0]
        assert not [child for child, _ in children if Path(f"/proc/{child}").exists()]
    finally:
        for process in started:
            process.kill()
            process.wait()
