"""Runs our processes as the system user `paperround` where root starts them, as PostgreSQL is run.

The folders that they write to become that user's. Where Python or the program lie out of its reach, as in
root's own home, the processes keep one privilege of root: to read files. They can't write any but their own.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import structlog

from paperround.environment import PREFIX, environment_with
from paperround.errors import PaperroundError
from paperround.postgres import PostgresError, socket_folder
from paperround.postgres.account import Account, server_account
from paperround.postgres.folders import make_folder
from paperround.private_files import Purpose, open_private_file
from paperround.settings import Settings

logger = structlog.get_logger(__name__)

PACKAGE: Final = Path(__file__).parent
PROGRAM: Final = (sys.executable, "-m", "paperround")
# Of the data folder. The home is for what libraries keep, such as models from the hub.
OWN_FOLDERS: Final = ("outbox", "home")
OWN_FILES: Final = ("errors.log",)
LOWEST_PORT_FILE: Final = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
READ_FILES: Final = "dac_read_search"  # the capability to read any file


class PrivilegesNeeded(PaperroundError):
    """What is asked for can't be done by the system user that the processes run as."""

    title = "Only root may do this"


@dataclass(frozen=True)
class Launch:
    """How a process is started: its command line and environment, and the user, None for our own."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    account: Account | None = None


def find_service_account() -> Account | None:
    """Return the account that our processes run as if we are root, made if missing. None: as ourselves.

    That is also where root may not change its user, as in a container without capabilities; the log says so.
    """
    return _account_of_root() if os.geteuid() == 0 else None


@cache
def _account_of_root() -> Account | None:
    try:
        account = server_account()
        account.run("/bin/true")
    except (PostgresError, OSError) as error:
        logger.warning("the processes stay root's; start Paperround as an ordinary user", reason=str(error))
        return None
    return account


def own_socket_folder(settings: Settings) -> Path:
    """Return the folder for the sockets of our processes, which is made if missing."""
    account = find_service_account()
    return socket_folder(settings.data_dir, account, user=account.uid if account else None)


def plan_launch(
    settings: Settings, arguments: Iterable[str], *, home: Path | None = None, **replaced: str | None
) -> Launch:
    """Plan the start of `paperround ARGUMENTS` with some settings replaced, or left out (None).

    As another user it gets the settings that we read, since it may not be able to read their files. `home` is
    its home folder then, by default one in the data folder.
    """
    command = (*PROGRAM, *arguments)
    account = find_service_account()
    if account is None:
        return Launch(command, environment_with(**replaced))
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    # The data folder even if it is not set: another user would look for it elsewhere.
    given = {
        "data_dir": str(settings.data_dir),
        **settings.to_environment(),
        **replaced,
        "env_file": os.devnull,
    }
    environment = {
        **inherited,
        **{f"{PREFIX}{name.upper()}": value for name, value in given.items() if value is not None},
        "HOME": str(home or settings.data_dir / "home"),
        "USER": account.name,
        "LOGNAME": account.name,
    }
    if not _is_out_of_reach(account):
        return Launch(command, environment, account)
    return Launch((*_keep_reading(account), *command), environment)


def prepare_data_folder(settings: Settings) -> None:
    """Give the service account what it writes to in the data folder. Does nothing unless we are root.

    Raises `PrivilegesNeeded` where the account can't enter the data folder.
    """
    account = find_service_account()
    if account is None:
        return
    folder = settings.data_dir
    make_folder(folder)
    barred = account.out_of_reach([*reversed(folder.resolve().parents), folder.resolve()])
    if barred:
        raise PrivilegesNeeded(
            f"Started as root, Paperround runs as the user {account.name!r}, which can't enter {barred}.",
            advice="Set PAPERROUND_DATA_DIR to a folder that it can reach, such as /var/lib/paperround, or "
            f"let it pass with `chmod o+x {barred}`.",
        )
    for name in OWN_FOLDERS:
        make_folder(folder / name)
        _hand_over_folder(folder / name, account)
    for name in OWN_FILES:
        _hand_over_file(folder / name, account)
    own_socket_folder(settings)


def require_unprivileged_port(port: int, setting: str) -> None:
    """Raise `PrivilegesNeeded` for a port that the service account may not listen on."""
    account = find_service_account()
    if account is None or port == 0:
        return
    try:
        lowest = int(LOWEST_PORT_FILE.read_text(encoding="ascii"))
    except (OSError, ValueError):
        lowest = 1024
    if port < lowest:
        raise PrivilegesNeeded(
            f"Started as root, Paperround runs as the user {account.name!r}, which may not listen on port "
            f"{port}: ports below {lowest} are root's.",
            advice=f"Set {setting} to a higher port and put a proxy such as nginx or Caddy before it, or "
            f"let everybody have it with `sysctl net.ipv4.ip_unprivileged_port_start={port}`.",
        )


def hand_over_folder(folder: Path) -> None:
    """Make a folder of ours the service account's, private, with what is in it, if we are root."""
    account = find_service_account()
    if account is not None:
        _hand_over_folder(folder, account)


@cache
def _is_out_of_reach(account: Account) -> bool:
    """Tell whether the account lacks the way to Python or to our own files."""
    files = (
        Path(sys.executable), Path(sys.executable).resolve(), Path(sys.prefix), Path(sys.base_prefix),
        Path(os.__file__), PACKAGE, PACKAGE.parents[1] / "templates", PACKAGE / "_project",
    )  # fmt: skip
    there = [file for file in files if file.exists()]
    ways = [way for file in there for way in (*reversed(file.parents), file)]
    return account.out_of_reach(dict.fromkeys(ways)) is not None


@cache
def _keep_reading(account: Account) -> tuple[str, ...]:
    """Return the beginning of a command that runs the rest as `account`, with the right to read files.

    It is empty where the system can't do that: then the processes stay root's, and the log says so.
    """
    program = shutil.which("setpriv", path=f"{os.environ.get('PATH', '')}:/usr/bin:/bin")
    if program is not None:
        only = f"-all,+{READ_FILES}"
        changed = (
            program, f"--reuid={account.uid}", f"--regid={account.gid}", "--clear-groups", "--no-new-privs",
            f"--inh-caps={only}", f"--ambient-caps={only}", f"--bounding-set={only}",
        )  # fmt: skip
        if Account("root", 0, 0).run(*changed, sys.executable, "-c", "")[0]:
            return changed
    logger.warning(
        "the processes stay root's, because the system user can't reach Python or the program; "
        "put both where everybody may read them, such as /opt, or start Paperround as an ordinary user",
        user=account.name,
    )
    return ()


def _hand_over_folder(folder: Path, account: Account) -> None:
    """Make a folder the account's, private, with what is in it.

    Only a folder that is root's is walked through: into another one the account could have put a link.
    """
    if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
        return
    for _, folders, files, descriptor in os.fwalk(folder, topdown=False):
        for name in (*folders, *files):
            os.chown(name, account.uid, account.gid, dir_fd=descriptor, follow_symlinks=False)
    folder.chmod(0o700)
    os.chown(folder, account.uid, account.gid)


def _hand_over_file(file: Path, account: Account) -> None:
    descriptor = open_private_file(file, Purpose.append)
    try:
        if os.fstat(descriptor).st_nlink == 1:  # else it may be another file, under a name of the account's
            os.fchown(descriptor, account.uid, account.gid)
    finally:
        os.close(descriptor)
